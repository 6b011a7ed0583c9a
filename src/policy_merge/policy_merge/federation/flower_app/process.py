"""Runs flower-superlink or flower-supernode as part of the fleet's command: `python process.py superlink|supernode OPTION...`.

The process ends with the command that started it, even if that was killed. A superlink serves sites alone to other machines: whoever
could reach its other interfaces, which start runs, could execute code at every site.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from ipaddress import ip_address
from typing import Any

SITES = "/v1/fleet/"
"""Prefix of the interface for sites."""
GRACE_S = 10.0
"""Time in which a process may take leave of the others when its command has ended."""


class SitesOnly:
    """ASGI middleware that refuses other machines everything but the interface for sites."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on, or answer that it is forbidden."""
        if scope["type"] == "lifespan" or scope["path"].startswith(SITES) or _is_local(scope.get("client")):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await send({"type": "http.response.start", "status": 403, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await send({"type": "websocket.close"})


def main() -> None:
    """Run the program that the first argument names."""
    parent = os.getppid()
    threading.Thread(target=_end_with, args=[parent], daemon=True).start()
    program = sys.argv.pop(1)
    sys.argv[0] = f"flower-{program}"
    if program == "superlink":
        from flwr.superlink import extensions
        from flwr.superlink.cli import flower_superlink
        from starlette.middleware import Middleware

        extensions.get_middleware = lambda: (Middleware(SitesOnly),)
        flower_superlink()
    else:
        from flwr.supernode.cli import flower_supernode

        flower_supernode()


def _is_local(client: tuple[str, int] | None) -> bool:
    return client is not None and ip_address(client[0]).is_loopback


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)


if __name__ == "__main__":
    main()
