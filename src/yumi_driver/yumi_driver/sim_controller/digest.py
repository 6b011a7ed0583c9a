"""Digest access authentication (RFC 2617) for one user."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import deque
from urllib.request import parse_http_list, parse_keqv_list

_REALM = "validusers@robapi.abb"
_NONCES = 1000


class Digest:
    """Creates challenges, and verifies the answers of clients."""

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._secret = _md5(f"{user}:{_REALM}:{password}")
        self._nonces: deque[str] = deque(maxlen=_NONCES)

    def challenge(self) -> str:
        """Return a `WWW-Authenticate` header with a new nonce."""
        nonce = secrets.token_hex(16)
        self._nonces.append(nonce)
        return f'Digest realm="{_REALM}", domain="/", qop="auth", nonce="{nonce}", algorithm="MD5"'

    def answers(self, authorization: str, method: str, target: str) -> bool:
        """Return whether an `Authorization` header proves the password for the request's method and target."""
        scheme, _, parameters = authorization.partition(" ")
        answer = parse_keqv_list([item for item in parse_http_list(parameters) if item.partition("=")[2]])
        known = (
            scheme.lower() == "digest"
            and answer.get("username") == self._user
            and answer.get("qop") == "auth"
            and answer.get("nonce") in self._nonces
        )
        response = answer.get("response", "")
        return known and hmac.compare_digest(_bytes(response), _bytes(self._response(answer, method, target)))

    def _response(self, answer: dict[str, str], method: str, target: str) -> str:
        count, client_nonce = answer.get("nc", ""), answer.get("cnonce", "")
        return _md5(f"{self._secret}:{answer['nonce']}:{count}:{client_nonce}:auth:{_md5(f'{method}:{target}')}")


def _md5(text: str) -> str:
    return hashlib.md5(_bytes(text), usedforsecurity=False).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")  # as headers are decoded
