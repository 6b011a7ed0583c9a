"""The server's end of the transport: a superlink, and the app in it that sends messages."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TextIO

from typing_extensions import override

from fleet_common.address import Address
from policy_merge.federation.certificates import AUTHORITY, CERTIFICATE, KEY, ServerCertificates
from policy_merge.federation.exchange import Exchange, Failure
from policy_merge.federation.flower_process import APP, ENVIRONMENT, POLL_S, FlowerFolder, FlowerProcess

START_S = 180.0
"""Time in which the superlink and its app must start."""


class FlowerError(Exception):
    """Flower's processes did not start, or ended."""


class FlowerExchange(Exchange):
    """Sends messages through the app in the superlink."""

    def __init__(self, app: Connection, superlink: FlowerProcess) -> None:
        """Use a connection to the app."""
        self._app, self._superlink = app, superlink

    @override
    def wait_for(self, count: int) -> Sequence[int]:
        while True:
            self._ask({"ask": "sites"})
            sites: list[int] = json.loads(self._receive())
            if len(sites) >= count:
                return sites
            time.sleep(POLL_S)

    @override
    def exchange(
        self, message: bytes, sites: Sequence[int], *, longest: int, timeout_s: float
    ) -> Mapping[int, bytes | Failure]:
        self._ask({"nodes": list(sites), "limit": longest, "timeout_s": timeout_s})
        self._app.send_bytes(message)
        replies: dict[int, bytes | Failure] = {}
        while (header := json.loads(self._receive()))["node"] is not None:
            failure = header["failure"]
            replies[header["node"]] = self._receive() if failure is None else Failure(failure)
        return replies

    def _ask(self, request: Mapping[str, Any]) -> None:
        self._app.send_bytes(json.dumps(request).encode())

    def _receive(self) -> bytes:
        while not self._app.poll(POLL_S):
            if self._superlink.ended:
                raise FlowerError("the superlink ended")
        try:
            return self._app.recv_bytes()
        except EOFError:
            raise FlowerError("Flower's server app ended") from None


@contextmanager
def flower_server(listen: Address, certificates: ServerCertificates | None, log: TextIO) -> Iterator[FlowerExchange]:
    """Start a superlink and its app, and end them afterwards.

    Args:
        listen: address for the sites.
        certificates: None: no encryption, for sites on this machine.
        log: where the processes' output goes.

    Raises:
        FlowerError: they do not start.
    """
    with FlowerFolder() as folder:
        environment = folder.environment("FLEET_SERVER_SOCKET")
        options = ["--host", listen.host, "--port", str(listen.port), "--disable-runtime-dependency-installation"]
        if certificates is None:
            options.append("--insecure")
        else:
            names = {"--ssl-ca-certfile": AUTHORITY, "--ssl-certfile": CERTIFICATE, "--ssl-keyfile": KEY}
            for option, name in names.items():
                options += [option, str(certificates.folder / name)]
            options.append("--enable-supernode-auth")
        superlink = FlowerProcess("superlink", options, environment, log)
        try:
            here = listen if certificates is None else Address("127.0.0.1", listen.port)
            _write_connection(folder.path / "flower", here, certificates)
            app = folder.path / "app"
            shutil.copytree(APP / "fleet_rounds", app / "fleet_rounds", ignore=shutil.ignore_patterns("__pycache__"))
            shutil.copy(APP / "pyproject.toml", app)
            end = time.monotonic() + START_S
            while not _answers(here):
                _require_running(superlink, end)
                time.sleep(POLL_S)
            for key in [] if certificates is None else certificates.site_keys:
                _command(["supernode", "register", str(key), "fleet"], environment, log)
            _command(["run", str(app), "fleet"], environment, log)
            connection = None
            while connection is None:
                _require_running(superlink, end)
                connection = folder.accept()
            with connection:
                yield FlowerExchange(connection, superlink)
        finally:
            superlink.end()


def _write_connection(home: Path, here: Address, certificates: ServerCertificates | None) -> None:
    """Write Flower's configuration: commands reach the superlink on this machine."""
    home.mkdir()
    security = (
        "insecure = true"
        if certificates is None
        else f"root-certificates = {json.dumps(str((certificates.folder / AUTHORITY).absolute()))}"
    )
    text = f'[superlink]\ndefault = "fleet"\n[superlink.fleet]\naddress = "{here}"\n{security}\n'
    (home / "config.toml").write_text(text, encoding="utf-8")


def _answers(address: Address) -> bool:
    """Return whether something listens at an address."""
    with suppress(OSError), socket.create_connection((address.host, address.port), POLL_S):
        return True
    return False


def _command(arguments: Sequence[str], environment: Mapping[str, str], log: TextIO) -> None:
    """Run a command of Flower's."""
    command = [str(Path(ENVIRONMENT.interpreter).parent / "flwr"), *arguments]
    ended = subprocess.run(
        command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, check=False
    )
    if ended.returncode:
        raise FlowerError(f"flwr {arguments[0]} failed")


def _require_running(superlink: FlowerProcess, end: float) -> None:
    if superlink.ended:
        raise FlowerError("the superlink ended")
    if time.monotonic() > end:
        raise FlowerError(f"expected Flower's processes to start within {START_S:g} s, but they did not")
