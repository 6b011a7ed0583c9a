"""A site's end: hands each message to `fleet federate join`, and returns its reply."""

from __future__ import annotations

import os
from multiprocessing.connection import Client

from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

RECORD, FIELD = "fleet", "message"
app = ClientApp()


@app.query()
def query(message: Message, context: Context) -> Message:  # noqa: ARG001 - Flower's signature
    """Return the reply of the fleet's process at this site."""
    with Client(os.environ["FLEET_SITE_SOCKET"], "AF_UNIX") as site:
        site.send_bytes(message.content[RECORD][FIELD])
        return Message(RecordDict({RECORD: ConfigRecord({FIELD: site.recv_bytes()})}), reply_to=message)
