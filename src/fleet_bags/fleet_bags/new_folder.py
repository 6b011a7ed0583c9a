"""Creates folders that are complete or absent."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet_contract.validation import InputError


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder that is renamed to `folder` at the end, and removed on any error.

    Raises:
        InputError: the path exists already, or it cannot be written.
    """
    if folder.exists():
        raise InputError(f"{folder}: expected the path of a new folder, got one that exists already.")
    partial = folder.with_name(f"{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        partial.replace(folder)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}.") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
