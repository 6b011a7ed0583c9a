"""What the site of the documentation adds to docs/, as hooks of MkDocs.

The README and other documents of the root are pages, and files of the checkout that pages link to are copied as text.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
ROOT_PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md"}
DIAGRAM = re.compile(r"^```mermaid\n.*?^```\n", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)\s#]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the root, and the files that pages link to."""
    for name, uri in ROOT_PAGES.items():
        files.append(File.generated(config, uri, content=(ROOT / name).read_text(encoding="utf-8")))
    for file in list(files.documentation_pages()):
        source = _source(file.src_uri)
        for link in LINK.findall(file.content_string):
            target = _target(source, link)
            uri = _uri(target)
            if files.get_file_from_path(uri) is None and (ROOT / target).is_file():
                files.append(File.generated(config, uri, content=(ROOT / target).read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Let links lead to where their targets are in the site, and leave out diagrams.

    What draws them would be loaded from elsewhere; pages say in words what their diagrams show.
    """
    source = _source(page.file.src_uri)
    folder = PurePosixPath(page.file.src_uri).parent

    def moved(found: re.Match[str]) -> str:
        return os.path.relpath(_uri(_target(source, found[0])), folder)

    return LINK.sub(moved, DIAGRAM.sub("", markdown))


def _source(uri: str) -> PurePosixPath:
    """Tell where a page of the site is in the checkout."""
    for name, page in ROOT_PAGES.items():
        if page == uri:
            return PurePosixPath(name)
    return PurePosixPath("docs", uri)


def _target(source: PurePosixPath, link: str) -> str:
    """Tell which file of the checkout a link leads to."""
    return os.path.normpath(source.parent / link)


def _uri(target: str) -> str:
    """Tell where a file of the checkout is in the site."""
    path = PurePosixPath(target)
    if target in ROOT_PAGES:
        return ROOT_PAGES[target]
    if path.is_relative_to("docs"):
        return str(path.relative_to("docs"))
    return f"files/{target}.txt"  # browsers show text, whatever the language
