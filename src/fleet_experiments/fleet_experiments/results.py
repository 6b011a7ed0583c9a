"""Defines the format of the results of experiments and benchmarks, which tables, plots and checks read."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import mean, stdev

from rich.table import Table

from fleet_contract.validation import InputError, StrictModel, validated

Row = dict[str, str | int | float | bool | None]
"""`env`, `algo`, `seed` and `condition` identify the run; all other keys are measurements."""
IDENTITY = ("env", "algo", "seed", "condition")
FILE = "results.json"


def run_of(env: str, algo: str, seed: int, condition: str) -> Row:
    """Return the part of a row that identifies the run."""
    return {"env": env, "algo": algo, "seed": seed, "condition": condition}


class Results(StrictModel):
    """The measurements of one command."""

    experiment: str
    command: str
    """Command that reproduces the results."""
    version: str
    """Version of the code."""
    device: str
    """Hardware that computed the results."""
    date: str
    """Time in ISO 8601, UTC."""
    rows: list[Row]

    def write(self, folder: Path) -> None:
        """Write results.json, atomically, and the rows as results.parquet."""
        import pyarrow as pa
        from pyarrow import parquet

        partial = folder / (FILE + ".partial")
        partial.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        partial.replace(folder / FILE)
        keys = dict.fromkeys(key for row in self.rows for key in row)
        columns = {key: [row.get(key) for row in self.rows] for key in keys}
        parquet.write_table(pa.table(columns), folder / "results.parquet")


def new_results(experiment: str, command: str, rows: list[Row]) -> Results:
    """Return results of this machine with the current time.

    Raises:
        ValueError: a row does not identify its run.
    """
    for row in rows:
        if missing := [key for key in IDENTITY if key not in row]:
            raise ValueError(f"expected a row with {', '.join(IDENTITY)}, got one without {', '.join(missing)}: {row}")
    return Results(
        experiment=experiment,
        command=command,
        version=version("fleet_experiments"),
        device=device_name(),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        rows=rows,
    )


def read_results(path: Path) -> Results:
    """Return the results in a file, or in the results.json of a folder.

    Raises:
        InputError: the file is missing or holds no results.
    """
    file = path / FILE if path.is_dir() else path
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{file}: there is no such file.") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: expected results of an experiment, got no JSON ({error}).") from None
    return validated(content, Results, source=str(file))


def device_name() -> str:
    """Return the GPU, or the processor and its threads, and the version of torch."""
    import torch

    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    return f"{_processor()}, {torch.get_num_threads()} of {os.cpu_count()} threads, torch {torch.__version__}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def groups(rows: Iterable[Row], keys: Sequence[str]) -> list[tuple[tuple[object, ...], list[Row]]]:
    """Group rows with equal values of `keys`, in the order of their first rows."""
    grouped: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        grouped.setdefault(tuple(row.get(key) for key in keys), []).append(row)
    return list(grouped.items())


def table(rows: Iterable[Row], keys: Sequence[str], metrics: Sequence[str], *, title: str) -> Table:
    """Return a table of means and standard deviations over rows with equal values of `keys`."""
    summary = Table(*keys, "runs", *metrics, title=title, title_justify="left")
    for identity, group in groups(rows, keys):
        summary.add_row(*map(str, identity), str(len(group)), *(spread(group, metric) for metric in metrics))
    return summary


def spread(rows: Sequence[Row], metric: str, form: Callable[[float], str] = "{:.4g}".format) -> str:
    """Return the mean of a metric and, for several rows, its standard deviation; a dash if it was not measured."""
    values = [float(value) for row in rows if (value := row.get(metric)) is not None]
    if not values:
        return "-"
    return form(mean(values)) + (f" +- {form(stdev(values))}" if len(values) > 1 else "")
