"""The README is true: its transcripts are run, its Python too, its links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from system.server import DEADLINE, EXECUTABLE, Server, tool

PROJECT = Path(__file__).parents[2]
README = PROJECT / "README.md"
HOSTNAME_PORT = "127.0.0.1 -p 5300"


def blocks(language: str) -> list[str]:
    """Return the README's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(), re.M | re.S)


def steps(transcript: str) -> list[tuple[str, str]]:
    """Split a transcript into commands and what they print."""
    parts = re.split(r"^\$ ", transcript, flags=re.M)[1:]
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts)]


def comparable(text: str) -> str:
    """Put placeholders where every run differs."""
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "TIME", text)
    return re.sub(r"uid \d+ pid \d+", "uid UID pid PID", text).rstrip()


def environment(server: Server) -> dict[str, str]:
    """What the README exports."""
    return {
        **os.environ,
        "PATH": f"{EXECUTABLE.parent}:{os.environ['PATH']}",
        "FAILOVERDNS_SOCKET": str(server.socket),
    }


def test_transcripts_and_python_do_what_the_readme_shows(demo: Server) -> None:
    """From the state that `scripts/run` loads, in order."""
    tool("dig")
    tool("nc")
    shown = [step for block in blocks("console") for step in steps(block)]
    assert len(shown) > 10
    for command, expected in shown:
        if command.startswith("export "):
            continue
        done = subprocess.run(
            ["bash", "-c", command.replace(HOSTNAME_PORT, f"127.0.0.1 -p {demo.port}")],
            env=environment(demo),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert comparable(done.stdout) == comparable(expected), command
    (program,) = blocks("python")
    python = EXECUTABLE.with_name("python")
    done = subprocess.run(
        [python, "-c", program],
        env=environment(demo),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    )
    assert done.stdout == "True ['192.0.2.10']\n"


@pytest.mark.parametrize("file", ["README.md", *sorted(p.name for p in PROJECT.glob("docs/*.md"))])
def test_links_lead_somewhere(file: str) -> None:
    """Relative links name files that are there."""
    path = PROJECT / file if file == "README.md" else PROJECT / "docs" / file
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text()):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target
