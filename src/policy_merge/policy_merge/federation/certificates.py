"""Certificates and keys of a federation beyond one machine: a folder on each side.

The server's holds ca.crt, server.crt, server.key, and sites/NAME.pub for each site that may join; a site's holds ca.crt and site.key.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from fleet_contract.validation import InputError

AUTHORITY, CERTIFICATE, KEY, SITE_KEY, SITE_KEYS = "ca.crt", "server.crt", "server.key", "site.key", "sites"


@dataclass(frozen=True)
class ServerCertificates:
    """The server's folder."""

    folder: Path

    @property
    def site_keys(self) -> list[Path]:
        """Public keys of the sites that may join."""
        return sorted((self.folder / SITE_KEYS).glob("*.pub"))

    def require(self) -> None:
        """Refuse a folder in which something is missing.

        Raises:
            InputError: a file is missing.
        """
        _require(self.folder, AUTHORITY, CERTIFICATE, KEY)
        if len(self.site_keys) < 2:
            raise InputError(
                f"{self.folder / SITE_KEYS}: expected the public keys of at least two sites (NAME.pub), "
                f"got {len(self.site_keys)}."
            )


@dataclass(frozen=True)
class SiteCertificates:
    """A site's folder."""

    folder: Path

    def require(self) -> None:
        """Refuse a folder in which something is missing.

        Raises:
            InputError: a file is missing.
        """
        _require(self.folder, AUTHORITY, SITE_KEY)


def require_certificates(option: str, host: str, certificates: object | None) -> None:
    """Refuse an address of another machine without certificates.

    Args:
        option: argument with the address.
        host: name or IP address.
        certificates: None if there are none.

    Raises:
        InputError: there are none, and the host is no loopback address.
    """
    if certificates is None and not is_loopback(host):
        raise InputError(
            f"{option}: expected --certificates for an address that other machines can reach, got {host} without them."
        )


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _require(folder: Path, *names: str) -> None:
    for name in names:
        if not (folder / name).is_file():
            raise InputError(f"{folder / name}: there is no such file.")
