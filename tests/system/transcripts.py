"""Documents as a user follows them: their commands, typed into a terminal, and what is printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from system.checkout import PROJECT, with_ports
from system.server import DEADLINE


class Step(NamedTuple):
    """A command, or a program in Python, and what it prints."""

    language: str
    command: str
    output: str


def steps_of(page: str) -> list[Step]:
    """Return the commands of a page, and its programs that say what they print, in order."""
    found = []
    text = PROJECT.joinpath(page).read_text()
    for language, block, output in re.findall(
        r"^```(console|python)\n(.*?)^```$(?:\n\nIt prints `(.*)`\.$)?", text, re.M | re.S
    ):
        if language == "console":
            found += [Step(language, *step) for step in split_transcript(block)]
        elif output:
            found.append(Step(language, block, output + "\n"))
    return found


def split_transcript(transcript: str) -> list[tuple[str, str]]:
    """Split a transcript into commands and what they print."""
    parts = re.split(r"^\$ ", transcript, flags=re.M)[1:]
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts)]


def commands_written_in(page: str) -> list[str]:
    """Return every line of a page that begins with a prompt, wherever it stands."""
    return re.findall(r"^\$ (.*)$", PROJECT.joinpath(page).read_text(), re.M)


class Terminal:
    """A terminal in a folder; what is exported in it holds for the commands that follow."""

    def __init__(self, folder: Path, ports: Mapping[str, int]) -> None:
        self.typed: list[str] = []
        """The commands as they are written in the documents."""
        self._folder = folder
        self._ports = ports
        self._exports: list[str] = []

    def run(self, step: Step) -> str:
        """Run a step and return what it prints, so that it can be compared."""
        if step.language == "python":
            return self._run(f"exec '{sys.executable}' -", step.command)
        if step.command not in self.typed[-1:]:  # once, also if it is tried again until it is true
            self.typed.append(step.command)
        command = with_ports(step.command, self._ports)
        printed = self._run(command, "")
        if command.startswith("export "):
            self._exports.append(command)
        return printed

    def _run(self, command: str, given: str) -> str:
        environment = {k: v for k, v in os.environ.items() if k != "FAILOVERDNS_SOCKET"}
        done = subprocess.run(
            ["bash", "-c", "\n".join([*self._exports, command])],
            cwd=self._folder,
            env=environment,
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        return comparable(done.stdout)


def comparable(text: str) -> str:
    """Put placeholders where every run differs, and leave out lines of progress."""
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "TIME", text)
    text = re.sub(r"^.* \.\.\.\n", "", text, flags=re.M)
    text = re.sub(r"\b(?:since|for) \d+ s\b", "for SECONDS", text)
    text = re.sub(r"Pebble (Intermediate|Root) CA \w+", r"Pebble \1 CA", text)
    return re.sub(r"unix:\S+ (\w+) pid \d+", r"unix:USER \1 pid PID", text).rstrip()


FINGERPRINT = re.compile(r"\b(?:[0-9a-f]{64}|(?:[0-9A-F]{2}:){31}[0-9A-F]{2})\b")


def without_hashes(text: str) -> str:
    """Put a placeholder where a hash stands."""
    return FINGERPRINT.sub("HASH", text)


def without_revisions(text: str) -> str:
    """Put a placeholder where a revision or a count of changes stands."""
    text = re.sub(r'"revision": \d+', '"revision": REVISION', text)
    text = re.sub(r"verified: \d+ change", "verified: N change", text)
    return re.sub(r"\bTIME r\d+ ", "TIME rREVISION ", text)


def without_serials(text: str) -> str:
    """Put a placeholder where a serial number stands, and leave out what only fills lines."""
    text = re.sub(r"\b1[7-9]\d{8}\b", "SERIAL", text)
    lines = [re.sub(r"─+", "─", re.sub(r" +", " ", line)).rstrip() for line in text.split("\n")]
    return "\n".join(line for line in lines if line)


class Fingerprints:
    """Pairs the fingerprints that are shown with those that are seen: one for one."""

    def __init__(self) -> None:
        self._pairs: dict[str, str] = {}

    def agree(self, shown: str, seen: str) -> bool:
        """Return whether two texts are the same, but for fingerprints that pair up."""
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
