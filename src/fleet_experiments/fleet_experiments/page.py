"""Fills the tables of a Markdown page from results: `python -m fleet_experiments.page docs/benchmarks.md`.

A table stands between `<!-- table FOLDER by KEY, KEY: METRIC, METRIC -->` and `<!-- end -->`. FOLDER is relative to the page and
holds results.json. `KEY=PATTERN` in place of a key selects the rows whose value matches a shell pattern, such as `round *`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from fleet_experiments.results import Results, groups, read_results, spread

TABLE = re.compile(r"(<!-- table (\S+) by ([^:]+): ([^>]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def filled(page: str, folder: Path) -> str:
    """Return the page with current tables.

    Raises:
        InputError: the results of a table cannot be read.
    """

    def table(match: re.Match[str]) -> str:
        begin, name, keys, metrics, _, end = match.groups()
        results = read_results(folder / name)
        lines = [*_table(results, _split(keys), _split(metrics)), "", _origin(results)]
        return begin + "\n" + "\n".join(lines) + "\n\n" + end

    return TABLE.sub(table, page)


def _split(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


def _table(results: Results, keys: Sequence[str], metrics: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a Markdown table of means and standard deviations."""
    names, patterns = zip(
        *((name, pattern or "*") for name, _, pattern in (key.partition("=") for key in keys)), strict=True
    )
    yield _line([*names, "runs", *metrics])
    yield _line(["---"] * (len(names) + 1 + len(metrics)))
    for identity, rows in groups(results.rows, names):
        if not all(fnmatchcase(str(value), pattern) for value, pattern in zip(identity, patterns, strict=True)):
            continue
        yield _line([*map(str, identity), str(len(rows)), *(spread(rows, metric) for metric in metrics)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _origin(results: Results) -> str:
    return f"`{results.command}`, {results.date[:10]}, version {results.version}, {results.device}."


def main() -> None:
    """Fill the page that is named on the command line."""
    page = Path(sys.argv[1])
    page.write_text(filled(page.read_text(encoding="utf-8"), page.parent), encoding="utf-8")


if __name__ == "__main__":
    main()
