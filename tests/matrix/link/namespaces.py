"""Two network namespaces joined by a cable (veth) that can be pulled on either side."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class NotPermitted(Exception):
    """This computer does not let us; the reason in words."""


class Cable:
    """``kiosk`` and ``hub`` are the namespaces' names. A context manager; leaving it removes both."""

    NETWORK = "10.211.7."

    def __init__(self) -> None:
        self.kiosk, self.hub = f"tb-kiosk-{os.getpid()}", f"tb-hub-{os.getpid()}"
        self.hub_address = f"{self.NETWORK}2"

    def __enter__(self) -> Self:
        if shutil.which("ip") is None:
            raise NotPermitted("there is no ip command (package iproute2)")
        try:
            for name in (self.kiosk, self.hub):
                _ip("netns", "add", name)
                _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", self.kiosk, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", self.hub)
            for name, number in ((self.kiosk, 1), (self.hub, 2)):
                _ip("-n", name, "address", "add", f"{self.NETWORK}{number}/30", "dev", "cable")
                self.plug(name)
        except NotPermitted:
            self.remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def pull(self, side: str) -> None:
        _ip("-n", side, "link", "set", "cable", "down")

    def plug(self, side: str) -> None:
        _ip("-n", side, "link", "set", "cable", "up")

    def remove(self) -> None:
        for name in (self.kiosk, self.hub):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


def inside(namespace: str, *command: str) -> list[str]:
    """``command`` as it is started in a namespace."""
    return ["ip", "netns", "exec", namespace, *command]


def certificate(folder: Path, address: str) -> tuple[Path, Path]:
    """A self-signed certificate for an address, and its key (PEM)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hub")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / "hub.pem", folder / "hub.key"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return chain, private


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotPermitted(f"ip {' '.join(words)}: {done.stderr.strip()}")
