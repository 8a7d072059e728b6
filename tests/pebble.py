"""Pebble, the ACME server with which Let's Encrypt tests clients, as a process on loopback."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import urllib.request
from pathlib import Path

from directories import write_https
from ports import free_port
from system.server import DEADLINE, tool, wait_for

_ATTEMPTS = 5


class Pebble:
    """A pebble process in a folder of its own that sends DNS queries to `dns_port` on 127.0.0.1.

    It does not sleep before it validates.  Otherwise it has its defaults: it rejects some nonces,
    and reuses some earlier validations of a name.
    """

    def __init__(self, folder: Path, dns_port: int, *, strict: bool = False) -> None:
        self.folder = folder
        self.log = folder / "pebble.log"
        self._executable = tool("pebble")
        self._words = ["-dnsserver", f"127.0.0.1:{dns_port}", *["-strict"] * strict]
        self.ca_file, self._chain, self._private = write_https(folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._port = self._management = 0

    @property
    def directory(self) -> str:
        """The URL of the directory object (RFC 8555 section 7.1.1)."""
        return f"https://127.0.0.1:{self._port}/dir"

    def roots(self) -> str:
        """Return the root of all issued certificates, as PEM."""
        return self._get(f"https://127.0.0.1:{self._management}/roots/0")

    def __enter__(self) -> Pebble:
        for _ in range(_ATTEMPTS):  # another process may take a free port first
            self._launch()
            wait_for(lambda: self._ended() or self._answers(), lambda: self.log.read_text())
            if not self._ended():
                return self
        raise AssertionError(f"pebble does not start:\n{self.log.read_text()}")

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(DEADLINE)

    def _launch(self) -> None:
        self._port, self._management = free_port(), free_port()
        config = self.folder / "pebble.json"
        settings = {
            "listenAddress": f"127.0.0.1:{self._port}",
            "managementListenAddress": f"127.0.0.1:{self._management}",
            "certificate": str(self._chain),
            "privateKey": str(self._private),
            "httpPort": free_port(),
            "tlsPort": free_port(),
        }
        config.write_text(json.dumps({"pebble": settings}))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._executable, "-config", config, *self._words],
                stdout=log,
                stderr=log,
                env={**os.environ, "PEBBLE_VA_NOSLEEP": "1"},
            )

    def _ended(self) -> bool:
        assert self._process is not None
        return self._process.poll() is not None

    def _answers(self) -> bool:
        try:
            return "newOrder" in self._get(self.directory) and bool(self.roots())
        except OSError:
            return False

    def _get(self, url: str) -> str:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.ca_file)
        with urllib.request.urlopen(url, timeout=DEADLINE, context=context) as answer:
            text: str = answer.read().decode()
        return text
