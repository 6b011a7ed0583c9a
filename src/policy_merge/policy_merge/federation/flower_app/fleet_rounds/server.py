"""The server's end: sends messages of `fleet federate serve` to sites, and hands back their replies."""

from __future__ import annotations

import json
import os
import time
from multiprocessing.connection import Client, Connection
from typing import Any

from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.serverapp import Grid, ServerApp

POLL_S = 0.5
RECORD, FIELD = "fleet", "message"
app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:  # noqa: ARG001 - Flower's signature
    """Do what the fleet's process asks for until it closes the socket."""
    with Client(os.environ["FLEET_SERVER_SOCKET"], "AF_UNIX") as fleet:
        while True:
            try:
                request = json.loads(fleet.recv_bytes())
            except EOFError:
                return
            if "nodes" in request:
                _exchange(grid, fleet, request, fleet.recv_bytes())
            else:
                fleet.send_bytes(json.dumps(list(grid.get_node_ids())).encode())


def _exchange(grid: Grid, fleet: Connection, request: dict[str, Any], content: bytes) -> None:
    """Send one message to several nodes, and hand over each reply when it arrives: a header, and the reply unless it failed."""
    sent = [
        Message(
            RecordDict({RECORD: ConfigRecord({FIELD: content})}),
            dst_node_id=node,
            message_type="query",
            ttl=request["timeout_s"],
        )
        for node in request["nodes"]
    ]
    waiting = dict(zip(grid.push_messages(sent), request["nodes"], strict=False))
    end = time.monotonic() + request["timeout_s"]
    while waiting and time.monotonic() < end:
        for reply in grid.pull_messages(list(waiting)):
            node = waiting.pop(reply.metadata.reply_to_message_id, None)
            if node is None:
                continue
            if reply.has_error():
                _fail(fleet, node, "the site's process failed or could not be reached")
                continue
            answer = reply.content[RECORD][FIELD]
            if len(answer) > request["limit"]:
                _fail(fleet, node, f"expected a reply of at most {request['limit']} bytes, got {len(answer)}")
                continue
            fleet.send_bytes(json.dumps({"node": node, "failure": None}).encode())
            fleet.send_bytes(answer)
        present = set(grid.get_node_ids())
        for message, node in list(waiting.items()):
            if node not in present:
                _fail(fleet, waiting.pop(message), "the site has left")
        time.sleep(POLL_S)
    for node in waiting.values():
        _fail(fleet, node, f"expected a reply within {request['timeout_s']:g} s, got none")
    fleet.send_bytes(json.dumps({"node": None, "failure": None}).encode())


def _fail(fleet: Connection, node: int, reason: str) -> None:
    fleet.send_bytes(json.dumps({"node": node, "failure": reason}).encode())
