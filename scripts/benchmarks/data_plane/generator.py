"""The load generator in C: compiled here, run for each measurement, with its figures.

The questions have one of these shapes:

    plain     A and AAAA, without EDNS
    edns      with an OPT record
    do        with DO set
    cookie    with the client's cookie and the cookie that this server gave
    fresh     with the client's cookie alone, so that the server makes one for each
    nxdomain  plain, and every tenth name does not exist
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from struct import pack
from typing import Any

import dns.edns
import dns.exception
import dns.message
import dns.query

from data_plane.names import ORIGIN, label_of

SHAPES = ("plain", "edns", "do", "cookie", "fresh", "nxdomain")
SOURCES = Path(__file__).resolve().parent.parent / "native"
UDP_SIZE = 1232
CLIENT_COOKIE = bytes.fromhex("0123456789abcdef")


def compile_native(folder: Path) -> dict[str, Path]:
    """Compile the C programs into a folder; return their paths by name."""
    programs = {}
    for name in ("echo", "flood", "load"):
        programs[name] = folder / name
        source = SOURCES / f"{name}.c"
        subprocess.run(["cc", "-O2", "-o", programs[name], source, "-lm"], check=True)
    return programs


class Generator:
    """Runs the load generator on one core."""

    def __init__(self, program: Path, core: int) -> None:
        self.program = program
        self.core = core

    def run(self, port: int, groups: int, shape: str, **options: float) -> dict[str, Any]:
        """Run it to its end; return its figures."""
        words = _shape_words(shape, port)
        for name, value in options.items():
            words += [f"--{name}", str(value)]
        done = subprocess.run(
            self._command(port, groups, words), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"load: {done.stderr}")
        figures: dict[str, Any] = json.loads(done.stdout)
        return figures

    def start(self, port: int, groups: int, **options: float) -> subprocess.Popen[str]:
        """Start it with plain questions; it prints its figures when it ends."""
        words = [w for name, value in options.items() for w in (f"--{name}", str(value))]
        command = self._command(port, groups, words)
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def _command(self, port: int, groups: int, words: list[str]) -> list[str]:
        fixed = ["--port", port, "--groups", groups, "--core", self.core, "--zone", ORIGIN]
        return [str(self.program), *map(str, fixed), *words]


def _shape_words(shape: str, port: int) -> list[str]:
    match shape:
        case "edns":
            return ["--opt", opt_record().hex()]
        case "do":
            return ["--opt", opt_record(flags=0x8000).hex()]
        case "fresh":
            return ["--opt", opt_record(CLIENT_COOKIE).hex()]
        case "cookie":
            return ["--opt", opt_record(cookie_from(port)).hex()]
        case "nxdomain":
            return ["--nxdomain", "10"]
    return []


def opt_record(cookie: bytes = b"", flags: int = 0) -> bytes:
    """Return an OPT record in wire format."""
    options = pack("!HH", 10, len(cookie)) + cookie if cookie else b""
    return pack("!BHHBBHH", 0, 41, UDP_SIZE, 0, 0, flags, len(options)) + options


def cookie_from(port: int) -> bytes:
    """Return the client's cookie with the server's; with zeros if the server gives none."""
    option = dns.edns.GenericOption(dns.edns.OptionType.COOKIE, CLIENT_COOKIE)
    query = dns.message.make_query(f"{label_of(0)}.{ORIGIN}", "A", options=[option])
    try:
        reply = dns.query.udp(query, "127.0.0.1", port=port, timeout=2, ignore_errors=True)
    except dns.exception.DNSException:
        return CLIENT_COOKIE + bytes(16)
    for given in reply.options:
        data = given.to_wire()
        if given.otype == dns.edns.OptionType.COOKIE and data is not None and len(data) > 8:
            return data
    return CLIENT_COOKIE + bytes(16)
