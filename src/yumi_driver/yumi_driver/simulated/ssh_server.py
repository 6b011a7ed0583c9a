"""A real OpenSSH server on this machine's own address, with throw-away keys: the way into a simulated gateway PC."""

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

PLACES = "/usr/sbin:/usr/local/sbin:/sbin"
READY_S = 10.0
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
    """Where OpenSSH's server is on this machine; None where it is not installed."""
    return shutil.which("sshd", path=os.pathsep.join([os.environ.get("PATH", ""), PLACES]))


class SshServer:
    """Whoever has the key in its folder gets one program run, and nothing else. Lives as long as its context."""

    def __init__(self, folder: Path, command: str) -> None:
        """`command` is what everybody who enters gets run.

        Raises:
            BadInput: OpenSSH's server is not installed.
        """
        program = sshd()
        if program is None:
            raise InputError("environment.backend: found yumi_sim without sshd, allowed is a host with openssh-server.")
        self._program = program
        self._folder = folder
        self._command = command
        self.port = 0
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.key = folder / "key"
        """The private key that opens it."""
        self.host_key = ""
        """Its public host key."""

    def __enter__(self) -> Self:
        """Make the keys, and wait until the server listens."""
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
        """Listen, at the same port as before if there was one.

        Raises:
            RuntimeError: the server does not.
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
                raise RuntimeError(f"sshd does not start: {(self._folder / 'sshd.log').read_text()}")
            time.sleep(POLL_S)

    def stop(self) -> None:
        """Listen no more. Who is connected stays connected."""
        self._process.terminate()
        self._process.wait()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
