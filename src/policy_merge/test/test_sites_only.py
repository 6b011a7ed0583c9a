"""Other machines reach the superlink's interface for sites, and nothing else: its interface for runs executes code at every site."""

from __future__ import annotations

import asyncio

import pytest

from policy_merge.federation.flower_app.process import SitesOnly

START_RUN, REGISTER = "/v1/control/start-run", "/v1/fleet/register-node"


def answered(kind, path, client):
    """Return whether a request reached the app, and the messages that were sent without it."""
    reached, sent = [], []

    async def app(scope, receive, send):
        reached.append(scope)

    async def send(message):
        sent.append(message)

    asyncio.run(SitesOnly(app)({"type": kind, "path": path, "client": client}, None, send))
    return bool(reached), sent


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("client", [("192.0.2.7", 40000), ("2001:db8::7", 40000), None])
@pytest.mark.parametrize("path", [START_RUN, "/v1/fleet", "/v1/fleetx/", "/docs", "/"])
def test_other_machines_are_refused(kind, client, path):
    reached, sent = answered(kind, path, client)
    assert not reached
    assert sent[0].get("status", sent[0]["type"]) in {403, "websocket.close"}


@pytest.mark.parametrize(
    ("path", "client"),
    [(REGISTER, ("192.0.2.7", 40000)), (START_RUN, ("127.0.0.1", 40000)), (START_RUN, ("::1", 40000))],
)
def test_sites_and_this_machine_are_served(path, client):
    assert answered("http", path, client) == (True, [])
