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
from system import test_restoring
from system.checkout import PROJECT, checkout, interrupt, start, with_ports
from system.server import tool, wait_for
from system.transcripts import (
    Fingerprints,
    Step,
    Terminal,
    commands_written_in,
    comparable,
    steps_of,
    without_hashes,
    without_revisions,
    without_serials,
)

README = "README.md"
TUTORIALS = ("docs/tutorial-scripting.md", "docs/tutorial-automation.md")
"""In the order in which the README names them; each leaves the demo as it was."""
CERTIFICATES = "docs/tutorial-certificates.md"
REFERENCE = "docs/control.md"
"""It has a transcript, too."""
SECONDARIES = "docs/tutorial-secondaries.md"
PORTS = ("5300", "8053", "5301", "5302", "8443", "14000", "15000")


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


def test_transcripts_without_the_readme_before_them(folder: Path) -> None:
    """From a fresh `scripts/run`: docs/control.md, then the tutorials without the README.

    A reader who begins with a tutorial sees the same, but for the numbers of revisions, and that
    nothing keeps shop-eu online while the backup is active; in the README the group `docs` does.
    """
    tool("dig")
    tool("nc")
    ports = {port: free_port() for port in PORTS}
    checkout(folder, ports)
    add_docs = [step for step in steps_of(README) if "docs" in step.command]
    add_docs = [step for step in add_docs if step.command.startswith("failoverdns group ")]
    assert len(add_docs) == 2

    terminal = Terminal(folder, ports)
    with running(folder, "scripts/run"):
        terminal.run(steps_of(README)[0])
        follow(terminal, REFERENCE)
        for step in add_docs:
            terminal.run(step)
        for page in TUTORIALS:
            follow(terminal, page, lambda text: without_revisions(without_hashes(text)))
        assert terminal.run(steps_of(README)[1]) == "192.0.2.10"


def test_certificates(folder: Path) -> None:
    """`scripts/run-tls` with a CA and two web heads, and then `scripts/run` in its place."""
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

    with running(folder, "scripts/run-tls"):
        for step in steps[:-1]:
            wanted = comparable(step.output)
            if step.command.startswith(("openssl", "curl")):  # nginx takes a moment to reload
                wait_for(partial(agrees, step, wanted), lambda step=step: step.command)
            else:
                assert agrees(step, wanted), step.command
    assert not folder.joinpath("var").exists(), "the state of scripts/run is not touched"
    with running(folder, "scripts/run"):
        assert agrees(steps[-1], comparable(steps[-1].output))
    assert terminal.typed == commands_written_in(CERTIFICATES)


def test_secondaries(folder: Path) -> None:
    """`scripts/run-secondaries` with Knot and BIND; what takes a moment is tried until it is so."""
    for name in ("dig", "knotd", "named"):
        tool(name)
    ports = {port: free_port() for port in PORTS}
    checkout(folder, ports)
    terminal = Terminal(folder, ports)

    def agrees(step: Step) -> bool:
        seen = without_serials(terminal.run(step))
        print(f"$ {step.command}\n{seen}")
        return seen == without_serials(with_ports(comparable(step.output), ports))

    with running(folder, "scripts/run-secondaries"):
        for step in steps_of(SECONDARIES):
            if step.command.startswith("failoverdns switch"):
                assert agrees(step), step.command
            else:
                wait_for(partial(agrees, step), lambda step=step: step.command)
    assert terminal.typed == commands_written_in(SECONDARIES)


def test_every_transcript_in_the_documents_is_tried() -> None:
    """A page with a transcript is one of those above, or of `test_restoring`."""
    paths = [PROJECT / README, *PROJECT.glob("docs/**/*.md")]
    pages = {str(p.relative_to(PROJECT)) for p in paths if "```console" in p.read_text()}
    assert pages == {README, *TUTORIALS, CERTIFICATES, SECONDARIES, REFERENCE, test_restoring.PAGE}


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
