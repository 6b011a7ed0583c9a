"""The transport between the server and the sites, as the server sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Failure:
    """Why a site's reply did not arrive."""

    reason: str


class Exchange(Protocol):
    """Sends one message to several sites, and collects their replies. Sites are numbered; a site that joins again has a new number."""

    def wait_for(self, count: int) -> Sequence[int]:
        """Return the sites that are there, as soon as there are this many."""

    def exchange(
        self, message: bytes, sites: Sequence[int], *, longest: int, timeout_s: float
    ) -> Mapping[int, bytes | Failure]:
        """Return the reply of every site, or why there is none.

        Args:
            message: what is sent to all sites.
            sites: the sites.
            longest: bytes of the longest reply; longer ones are failures.
            timeout_s: time after which replies are late, and failures.
        """
