"""System packages by apt-get."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import _host
from _steps import Step

if TYPE_CHECKING:
    from collections.abc import Callable

OUTPUT_CHARACTERS = 2000
"""Of apt-get's, shown where it did not help."""


def bring(lacks: Callable[[], list[_host.Lack]]) -> bool:
    """Install what is missing, with sudo unless this is root; tell whether all of it is there."""
    missing = lacks()
    step = Step("System packages")
    names = " ".join(lack.package for lack in missing)
    step.show(names)
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    output = ""
    for command in (["apt-get", "update"], _host.install_command(missing)):
        # The log's place does not exist yet: the environment is made by a later step.
        result = subprocess.run(
            [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        output += result.stdout
    missing = lacks()
    if missing:
        step.fail("apt-get did not bring all of it")
        sys.stderr.write(output[-OUTPUT_CHARACTERS:] + _host.describe(missing) + "\n")
        return False
    step.done(names)
    return True
