"""Check that links between documents lead to files, and their anchors to headings. Needs no network."""

from __future__ import annotations

import functools
import itertools
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/**/*.md")
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:")


def main() -> int:
    """Print every link that leads nowhere."""
    broken = [problem for pattern in DOCUMENTS for path in sorted(ROOT.glob(pattern)) for problem in _broken(path)]
    print("\n".join(broken) or "No broken links.")
    return 1 if broken else 0


def _broken(document: Path) -> Iterator[str]:
    for token in _tokens(document):
        for child in token.children or ():
            link = child.attrs.get("href", child.attrs.get("src"))
            if link is None or ELSEWHERE.match(str(link)):
                continue
            name, _, anchor = unquote(str(link)).partition("#")
            target = document.parent / name if name else document
            at = f"{document.relative_to(ROOT)}:{token.map[0] + 1 if token.map else 1}"
            if not target.exists():
                yield f"{at}: {link}: there is no such file"
            elif anchor and target.suffix == ".md" and anchor not in _anchors(target):
                yield f"{at}: {link}: there is no such heading"


@functools.cache
def _tokens(document: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(document.read_text(encoding="utf-8"))


@functools.cache
def _anchors(document: Path) -> frozenset[str]:
    """List the anchors of the headings, as code hosts and the site name them."""
    tokens = _tokens(document)
    headings = [after for token, after in itertools.pairwise(tokens) if token.type == "heading_open"]
    return frozenset(_slug("".join(child.content for child in heading.children or ())) for heading in headings)


def _slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


if __name__ == "__main__":
    sys.exit(main())
