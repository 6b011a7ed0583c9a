"""An OpenSSH server on the loopback address with temporary keys, for a simulated gateway PC."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

import asyncssh

from fleet_contract.validation import InputError

SEARCH_PATH = "/usr/sbin:/usr/local/sbin:/sbin"
READY_S = 60.0
"""Timeout of the server's start, s."""
POLL_S = 0.05
CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PidFile none
PermitRootLogin prohibit-password
LogLevel ERROR
"""


def sshd() -> str | None:
    """Return the path of OpenSSH's server; None if it is not installed."""
    return shutil.which("sshd", path=os.pathsep.join([os.environ.get("PATH", ""), SEARCH_PATH]))


class SshServer:
    """Runs one command for every client that has the key in its folder, and nothing else, while its context lasts."""

    def __init__(self, folder: Path, command: str) -> None:
        """Prepare the server; `command` is run for every client.

        Raises:
            InputError: OpenSSH's server is not installed.
        """
        program = sshd()
        if program is None:
            raise InputError(
                "environment.backend: expected a host with openssh-server for yumi_sim, got one without sshd."
            )
        self._program = program
        self._folder = folder
        self._command = command
        self.port = 0
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.key = folder / "key"
        """Private key of clients."""
        self.host_key = ""
        """Public host key of the server."""

    def __enter__(self) -> Self:
        """Create the keys, start the server and wait until it listens."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        host, client = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
        for key, path in ((host, self._folder / "host_key"), (client, self.key)):
            path.touch(mode=0o600)
            key.write_private_key(path)
        self.host_key = host.export_public_key().decode().strip()
        public = client.export_public_key().decode()
        (self._folder / "authorized_keys").write_text(f'restrict,command="{self._command}" {public}')
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start listening, at the same port as before if there was one.

        Raises:
            RuntimeError: the server does not start.
        """
        if not self.port:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.port = free.getsockname()[1]
        config = self._folder / "sshd_config"
        config.write_text(CONFIG.format(port=self.port, folder=self._folder))
        with (self._folder / "sshd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-D", "-e", "-f", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until_s = time.monotonic() + READY_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > until_s:
                raise RuntimeError(f"sshd did not start: {(self._folder / 'sshd.log').read_text()}")
            time.sleep(POLL_S)

    def stop(self) -> None:
        """Stop listening; existing connections stay open."""
        self._process.terminate()
        self._process.wait()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
