"""Why a program cannot be run, for each mistake that people make."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from failoverdns.program_faults import cannot_run, was_not_run, will_not_run


def why(path: Path) -> str:
    """Run a program that cannot be run, and return the words for that."""
    try:
        done = subprocess.run([path], capture_output=True, check=False)
    except OSError as fault:
        text = cannot_run(str(path), fault)
    else:
        text = was_not_run(str(path), done.returncode, os.environ["PATH"]) or "it was run"
    return text.removeprefix(f"{path} cannot be run: ").replace(str(path.parent), "HERE")


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (b"#!/bin/sh\r\nexit 0\r\n", 0o755, "its first line ends in CR"),
        (b"#! /bin/sh -e\r\nexit 0\r\n", 0o755, "its first line ends in CR"),
        (b"#!/usr/bin/env python3\r\n", 0o755, "its first line ends in CR"),
        (b"#!/usr/bin/env -S sh -e\r\nexit 1\n", 0o755, "it was run"),
        (b"#!/usr/bin/env no-such-program\n", 0o755, "its first line asks for 'no-such-program'"),
        (b"#!/no/such/interpreter -x\n", 0o755, "the interpreter in its first line, '/no/such/"),
        (b"#!/etc\n", 0o755, "the interpreter in its first line, '/etc', is not executable"),
        (b"#!/bin/sh\nexit 0\n", 0o644, "it is not executable for this user; allow it with `chmod"),
        (b"", 0o755, "it is empty"),
        (b"exit 0\n", 0o755, "it is no program, and no script that begins with #!"),
        (b"\xef\xbb\xbf#!/bin/sh\n", 0o755, "there is a byte order mark (BOM) before the #!"),
        (b"\x7fELF\2\1\1" + bytes(9) + b"\2\0\xff\xff", 0o755, "it is made for another kind of"),
        (b"#!/usr/bin/perl -w\r\nexit 3;\r\n", 0o755, "it was run"),
        (b"#!/usr/bin/env sh\nexit 127\n", 0o755, "it was run"),
        (b"#!/bin/sh\nexit 127\n", 0o755, "it was run"),
    ],
)
def test_the_reason_is_named(tmp_path: Path, content: bytes, mode: int, words: str) -> None:
    path = tmp_path / "check"
    path.write_bytes(content)
    path.chmod(mode)
    assert why(path).startswith(words)


def test_a_path_that_is_not_a_program_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert why(tmp_path / "missing") == "No such file or directory"
    assert why(tmp_path) == "it is a folder"
    assert why(tmp_path / "pipe") == "it is not a regular file"


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (b"#!/bin/sh\r\nexit 0\r\n", 0o755, "its first line ends in CR"),
        (b"#!/bin/sh -e\r\n", 0o700, "its first line ends in CR"),
        (b"#!/no/such/interpreter\n", 0o755, "the interpreter in its first line"),
        (b"#!/bin/sh\n", 0o644, "it is not executable"),
        (b"#!/usr/bin/perl -w\r\n", 0o755, None),
        (b"#!/usr/bin/env -S sh -e\r\n", 0o755, None),
        (b"#!/usr/bin/env python3\n", 0o700, None),
        (b"#!/bin/sh\n", 0o500, None),
        (b"\x7fELF", 0o755, None),
    ],
)
def test_a_program_that_nobody_can_run_is_noticed_before(
    tmp_path: Path, content: bytes, mode: int, words: str | None
) -> None:
    """From its file alone: it is not started."""
    path = tmp_path / "check"
    path.write_bytes(content)
    path.chmod(mode)
    found = will_not_run(str(path))
    assert (found is None) == (words is None)
    assert (found or "").startswith(f"{path} cannot be run: {words}" if words else "")
    assert will_not_run(str(tmp_path / "missing")) == (
        f"{tmp_path}/missing cannot be run: there is no such file"
    )
    assert will_not_run(str(tmp_path)) == f"{tmp_path} cannot be run: it is a folder"
