"""The README and its tutorials are true: each command is typed, in a folder with a space."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from ports import free_port
from system.checkout import PROJECT, checkout, interrupt, start
from system.server import DEADLINE, tool, wait_for
from system.transcripts import (
    Fingerprints,
    Step,
    Terminal,
    commands_written_in,
    comparable,
    split_transcript,
    steps_of,
    without_hashes,
    without_revisions,
)

README = "README.md"
TUTORIALS = ("docs/tutorial-scripting.md", "docs/tutorial-automation.md")
"""In the order in which the README names them; each leaves the demo as it was."""
CERTIFICATES = "docs/tutorial-certificates.md"
PORTS = ("5300", "8443", "14000", "15000")


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder with a space in its short path: socket paths have at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="a b ") as path:
        yield Path(path)


@contextmanager
def running(folder: Path, script: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `scripts/run` or another script until the block ends, and stop it with Ctrl-C."""
    process = start(folder, script)
    try:
        yield process
    finally:
        interrupt(process)


def follow(
    terminal: Terminal, page: str, as_compared: Callable[[str], str] = without_hashes
) -> None:
    """Do what a page shows, in order; each step prints what the page shows."""
    steps = steps_of(page)
    assert steps
    for step in steps:
        seen = as_compared(terminal.run(step))
        assert seen == as_compared(comparable(step.output)), step.command


def test_the_walk_throughs(folder: Path) -> None:
    """From a fresh `scripts/run`: the README, then the tutorials, without a step between."""
    tool("dig")
    tool("nc")
    ports = {port: free_port() for port in PORTS}
    checkout(folder, ports)
    terminal = Terminal(folder, ports)
    with running(folder, "scripts/run"):
        for page in (README, *TUTORIALS):
            follow(terminal, page)
    assert len(terminal.typed) > 20
    assert terminal.typed == [c for page in (README, *TUTORIALS) for c in commands_written_in(page)]


@pytest.mark.parametrize("page", TUTORIALS)
def test_a_tutorial_alone(page: str, folder: Path) -> None:
    """A reader who begins with it sees the same, but for the numbers of revisions.

    And a switch is a change of role for shop-eu, which the group `docs` of the README keeps online.
    """
    tool("dig")
    tool("nc")
    ports = {port: free_port() for port in PORTS}
    checkout(folder, ports)

    def as_compared(text: str) -> str:
        text = without_revisions(without_hashes(text))
        return text.replace("; shop-eu online -> offline", "")

    with running(folder, "scripts/run"):
        terminal = Terminal(folder, ports)
        follow(terminal, page, as_compared)
        assert terminal.run(Step("console", "failoverdns records | grep -c 192.0.2.10", "")) == "2"


def test_certificates(folder: Path) -> None:
    """`scripts/run`, then `scripts/run-tls` with a CA and two web heads, and back again."""
    for name in ("dig", "openssl", "curl", "pebble", "nginx"):
        tool(name)
    ports = {port: free_port() for port in PORTS}
    checkout(folder, ports)
    terminal = Terminal(folder, ports)
    fingerprints = Fingerprints()
    steps = steps_of(CERTIFICATES)

    def agrees(step: Step, wanted: str) -> bool:
        seen = terminal.run(step)
        print(f"$ {step.command}\n{seen}")
        return fingerprints.agree(wanted, seen)

    with running(folder, "scripts/run"):
        pass
    with running(folder, "scripts/run-tls"):
        for step in steps[:-1]:
            wanted = comparable(step.output)
            if step.command.startswith(("openssl", "curl")):  # nginx takes a moment to reload
                wait_for(partial(agrees, step, wanted), lambda step=step: step.command)
            else:
                assert agrees(step, wanted), step.command
    with running(folder, "scripts/run"):
        assert "loading the demo" not in folder.joinpath("out").read_text()
        assert agrees(steps[-1], comparable(steps[-1].output))
    assert terminal.typed == commands_written_in(CERTIFICATES)


def test_a_second_server_in_the_same_folder_is_refused(folder: Path) -> None:
    """The first one goes on, and the message says what to do."""
    checkout(folder, {port: free_port() for port in PORTS})
    with running(folder, "scripts/run") as first:
        for script in ("scripts/run", "scripts/run-tls"):
            if script == "scripts/run-tls":
                for name in ("openssl", "curl", "pebble", "nginx"):
                    tool(name)
            second = subprocess.run(
                [script], cwd=folder, capture_output=True, text=True, timeout=DEADLINE, check=False
            )
            assert second.returncode == 1
            assert "a server is running in this folder already: stop it first" in second.stderr
            assert "another terminal" not in second.stdout
        assert first.poll() is None


def test_every_transcript_in_the_documents_is_tried(folder: Path) -> None:
    """A page with a transcript is one of those above, or its transcript is tried here."""
    tried = {README, *TUTORIALS, CERTIFICATES}
    paths = [PROJECT / README, *PROJECT.glob("docs/**/*.md")]
    pages = {str(p.relative_to(PROJECT)) for p in paths if "```console" in p.read_text()}
    assert pages == tried | {"docs/control.md"}
    ports = {port: free_port() for port in PORTS}
    checkout(folder, ports)
    text = PROJECT.joinpath("docs/control.md").read_text()
    blocks = re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S)
    with running(folder, "scripts/run"):
        terminal = Terminal(folder, ports)
        terminal.run(Step("console", commands_written_in(README)[0], ""))
        for command, output in (step for block in blocks for step in split_transcript(block)):
            seen = without_hashes(terminal.run(Step("console", command, "")))
            assert seen == without_hashes(comparable(output)), command


@pytest.mark.parametrize("file", ["README.md", *sorted(p.name for p in PROJECT.glob("docs/*.md"))])
def test_links_lead_somewhere(file: str) -> None:
    """Relative links name files that are there, and headings that are in them."""
    path = PROJECT / file if file == "README.md" else PROJECT / "docs" / file
    for target, heading in re.findall(r"\]\(([^)#]*?)(?:#([^)]*))?\)", path.read_text()):
        if not target.startswith("http"):
            linked = path.parent / target if target else path
            assert linked.exists(), target
            if heading:
                assert heading in headings(linked), f"{target}#{heading}"


def headings(path: Path) -> set[str]:
    """Return the headings of a page as links name them."""
    found = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in found}
