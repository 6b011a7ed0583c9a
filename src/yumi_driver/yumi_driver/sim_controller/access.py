"""Access to Robot Web Services: sessions of clients that know the password."""

from __future__ import annotations

import secrets
from http import HTTPStatus

from aiohttp import web

from yumi_driver.sim_controller.digest import Digest

_COOKIE = "-http-session-"
_MAX_SESSIONS = 70


class Access:
    """Stores sessions by cookie; a new session requires an answer to the digest challenge."""

    def __init__(self, digest: Digest) -> None:
        self._digest = digest
        self._sessions: set[str] = set()

    def enter(self, request: web.Request) -> str:
        """Return the client's session; create one if it has none.

        Raises:
            HTTPUnauthorized: the password is wrong, or there is neither password nor session.
            HTTPServiceUnavailable: there are too many sessions.
        """
        session = request.cookies.get(_COOKIE, "")
        authorization = request.headers.get("Authorization")
        if authorization is None:
            if session not in self._sessions:
                raise self._unauthorized()
            return session
        if not self._digest.answers(authorization, request.method, request.raw_path):
            raise self._unauthorized()
        if session in self._sessions:
            return session
        if len(self._sessions) >= _MAX_SESSIONS:
            raise web.HTTPServiceUnavailable
        session = secrets.token_hex(16)
        self._sessions.add(session)
        return session

    def leave(self, session: str) -> None:
        """End a session."""
        self._sessions.remove(session)

    def mark(self, response: web.StreamResponse, session: str) -> None:
        """Set the session's cookies in a response."""
        response.set_cookie(_COOKIE, session, httponly=True)
        response.set_cookie("ABBCX", session[:8])

    def _unauthorized(self) -> web.HTTPUnauthorized:
        return web.HTTPUnauthorized(
            text=HTTPStatus.UNAUTHORIZED.phrase, headers={"WWW-Authenticate": self._digest.challenge()}
        )
