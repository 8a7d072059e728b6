"""The README is true: its transcripts are run, its Python too, its links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from ports import free_port
from system.checkout import PROJECT, checkout, interrupt, start, with_ports
from system.server import CONFIG, DEADLINE, EXECUTABLE, Server, tool, wait_for

README = PROJECT / "README.md"
APART = "Certificates that follow"
"""The section that has a server of its own."""


def blocks(languages: str, *, section: str | None = None) -> list[tuple[str, str]]:
    """Return the README's code blocks in languages, of one section, or of all but `APART`."""
    parts = [part.partition("\n") for part in re.split(r"^## ", README.read_text(), flags=re.M)]
    wanted = "".join(
        text for title, _, text in parts if (title == section if section else title != APART)
    )
    return re.findall(rf"^```({languages})\n(.*?)^```$", wanted, re.M | re.S)


def steps(transcript: str) -> list[tuple[str, str]]:
    """Split a transcript into commands and what they print."""
    parts = re.split(r"^\$ ", transcript, flags=re.M)[1:]
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts)]


def comparable(text: str) -> str:
    """Put placeholders where every run differs; leave out how far it is."""
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "TIME", text)
    text = re.sub(r"^.* \.\.\.\n", "", text, flags=re.M)
    text = re.sub(r"\b(?:since|for) \d+ s\b", "for SECONDS", text)
    text = re.sub(r"Pebble Intermediate CA \w+", "Pebble Intermediate CA", text)
    return re.sub(r"uid \d+ pid \d+", "uid UID pid PID", text).rstrip()


FINGERPRINT = re.compile(r"\b(?:[0-9a-f]{64}|(?:[0-9A-F]{2}:){31}[0-9A-F]{2})\b")


class Fingerprints:
    """Pairs the fingerprints that are shown with those that are seen: one for one."""

    def __init__(self) -> None:
        self._pairs: dict[str, str] = {}

    def agree(self, shown: str, seen: str) -> bool:
        """Tell whether two texts are the same, but for fingerprints that pair up."""
        if FINGERPRINT.sub("FINGERPRINT", shown) != FINGERPRINT.sub("FINGERPRINT", seen):
            return False
        pairs = dict(zip(plain_all(shown), plain_all(seen), strict=True))
        together = {**self._pairs, **pairs}
        agreed = self._pairs.items() <= together.items()
        if agreed and len(set(together.values())) == len(together):
            self._pairs = together
            return True
        return False


def plain_all(text: str) -> list[str]:
    """Return the fingerprints in a text, all written in one way."""
    return [found.replace(":", "").lower() for found in FINGERPRINT.findall(text)]


def printed(command: str, control_socket: Path, folder: Path) -> str:
    """Return what a command prints, as it can be compared; with what the README exports."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment(control_socket),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    return comparable(done.stdout)


def environment(control_socket: Path) -> dict[str, str]:
    """Return what the README exports."""
    return {
        **os.environ,
        "PATH": f"{EXECUTABLE.parent}:{os.environ['PATH']}",
        "FAILOVERDNS_SOCKET": str(control_socket),
    }


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Server]:
    """A server on the terms of `config/demo.yaml`, with the group `shop`."""
    settings = (PROJECT / "config/demo.yaml").read_text().partition("\nchecks:")
    running = Server(tmp_path, CONFIG + "".join(settings[1:]))
    try:
        running.start().load_demo()
        yield running
    finally:
        running.kill()


def test_transcripts_and_python_do_what_the_readme_shows(demo: Server) -> None:
    """From the state that `scripts/run` loads, in order."""
    tool("dig")
    tool("nc")
    commands = 0
    for language, text in blocks("console|python"):
        if language == "python":
            assert run_python(text, demo.socket) == "True ['192.0.2.10']\n"
            continue
        for command, expected in steps(text):
            if not command.startswith("export "):
                commands += 1
                seen = printed(with_ports(command, {"5300": demo.port}), demo.socket, demo.folder)
                assert hashless(seen) == hashless(comparable(expected)), command
    assert commands > 20


def hashless(text: str) -> str:
    """Put a placeholder where a hash stands."""
    return FINGERPRINT.sub("HASH", text)


def run_python(program: str, control_socket: Path) -> str:
    """Return what a program prints."""
    done = subprocess.run(
        [EXECUTABLE.with_name("python"), "-c", program],
        env=environment(control_socket),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    )
    return done.stdout


def test_a_certificate_follows_as_the_readme_shows(tmp_path: Path) -> None:
    """With `scripts/run-tls`: a CA, two web heads; request, handshake, switch, handshake."""
    for name in ("dig", "openssl", "curl", "pebble", "nginx"):
        tool(name)
    ports = {text: free_port() for text in ("5300", "8443", "14000", "15000")}
    folder = checkout(tmp_path, ports)
    shown = [step for _, text in blocks("console", section=APART) for step in steps(text)]
    fingerprints = Fingerprints()
    running = start(folder, "scripts/run-tls")
    socket = folder / "run" / "control.sock"

    def agrees(command: str, wanted: str) -> bool:
        seen = printed(with_ports(command, ports), socket, folder)
        print(f"$ {command}\n{seen}")
        return fingerprints.agree(wanted, seen)

    try:
        for command, expected in shown:
            wanted = comparable(expected)
            if command.startswith(("openssl", "curl")):  # nginx takes a moment to reload
                wait_for(partial(agrees, command, wanted), lambda c=command: c)
            elif not command.startswith("export "):
                assert agrees(command, wanted), command
    finally:
        interrupt(running)


@pytest.mark.parametrize("file", ["README.md", *sorted(p.name for p in PROJECT.glob("docs/*.md"))])
def test_links_lead_somewhere(file: str) -> None:
    """Relative links name files that are there."""
    path = PROJECT / file if file == "README.md" else PROJECT / "docs" / file
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text()):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target
