"""Parts are computed side by side, with the results that they have one by one."""

from __future__ import annotations

import threading

import pytest
import torch

from fleet_learning.parallel import in_parallel, use_threads


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = torch.get_num_threads()
    use_threads(request.param)
    yield request.param
    use_threads(1)
    torch.set_num_threads(before)


def test_results_come_in_the_order_of_the_parts(threads):
    matrices = torch.randn(7, 40, 40)
    for found, matrix in zip(in_parallel(torch.linalg.inv, list(matrices)), matrices, strict=True):
        torch.testing.assert_close(found @ matrix, torch.eye(40), rtol=0, atol=1e-2)


def test_parts_run_at_the_same_time_and_with_one_thread_of_torch_each(threads):
    meeting = threading.Barrier(threads)

    def meet(_: int) -> int:
        meeting.wait(60)
        return torch.get_num_threads()

    assert in_parallel(meet, range(threads)) == [1] * threads


def test_an_error_in_a_part_is_raised(threads):
    with pytest.raises(ZeroDivisionError):
        in_parallel(lambda part: 1 / part, [1, 0, 1])


def test_parts_of_parts_are_computed_without_waiting_for_a_thread(threads):
    def sums(numbers: list[int]) -> int:
        return sum(in_parallel(abs, numbers))

    assert in_parallel(sums, [[-1, 2], [-3, -4], [5, 6], [7]]) == [3, 7, 11, 7]
