"""A site's end of the transport: a supernode, and the app in it that hands messages over."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from fleet_common.address import Address
from policy_merge.federation.certificates import AUTHORITY, SITE_KEY, SiteCertificates
from policy_merge.federation.flower_process import FlowerFolder, FlowerProcess, free_port

PAUSE_S = 2.0
"""Time before a supernode that ended is started again."""
LONGEST_MESSAGE = 2**31
"""Bytes of the longest message that a site reads."""


def serve_site(
    server: Address,
    certificates: SiteCertificates | None,
    log: TextIO,
    answer: Callable[[bytes], bytes],
    finished: Callable[[], bool],
    report: Callable[[str], None],
) -> None:
    """Answer the server's messages until there are no more. A supernode that ends, as when the server restarts, is started again.

    Args:
        server: address of the server.
        certificates: None: no encryption, for a server on this machine.
        log: where the processes' output goes.
        answer: returns the reply to a message.
        finished: whether no message comes after the one that was just answered.
        report: called with a line of text about events.
    """
    security = (
        ["--insecure"]
        if certificates is None
        else [
            "--root-certificates",
            str(certificates.folder / AUTHORITY),
            "--auth-supernode-private-key",
            str(certificates.folder / SITE_KEY),
        ]
    )
    with FlowerFolder() as folder:
        environment = folder.environment("FLEET_SITE_SOCKET")
        while not finished():
            options = ["--superlink", str(server), "--host", "127.0.0.1", "--port", str(free_port())]
            supernode = FlowerProcess("supernode", [*options, *security], environment, log)
            try:
                while not supernode.ended and not finished():
                    _answer_next(folder, answer)
                if finished():
                    # The reply is on its way: the supernode hands it over before it leaves.
                    time.sleep(PAUSE_S)
            finally:
                supernode.end()
            if not finished():
                report("the supernode ended, and starts again")
                time.sleep(PAUSE_S)


def _answer_next(folder: FlowerFolder, answer: Callable[[bytes], bytes]) -> None:
    connection = folder.accept()
    if connection is None:
        return
    with connection:
        try:
            message = connection.recv_bytes(LONGEST_MESSAGE)
        except (EOFError, OSError):
            return
        reply = answer(message)
        try:
            connection.send_bytes(reply)
        except OSError:
            return
