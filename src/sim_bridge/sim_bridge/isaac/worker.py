"""The worker process that runs Isaac Gym, because its last release needs Python 3.8 or older.

Its arguments are "cells" or "robots", and their constructor's arguments in JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from sim_bridge.worker.serving import serve


def main() -> None:
    """Answer requests for the cells or robots."""
    what, arguments = sys.argv[1:]
    serve(lambda: _make(what, json.loads(arguments)))


def _make(what: str, arguments: dict[str, Any]) -> Any:
    if what == "cells":
        from sim_bridge.isaac.cells import IsaacCells

        return IsaacCells(**arguments)
    from sim_bridge.isaac.robots import IsaacRobots

    return IsaacRobots(**arguments)
