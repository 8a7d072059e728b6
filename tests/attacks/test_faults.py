"""The library that lets system calls fail: which calls, how often, and on which files."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from attacks.faults import LYING, NONE, RENAME, SHORT, SYNC, WRITE, Fault, Faults
from system.server import tool

PROGRAM = """
import os, sys
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
def attempt(call):
    try:
        return str(call())
    except OSError as fault:
        return fault.strerror
print(attempt(lambda: os.write(file, b"0123456789")))
print(attempt(lambda: os.pwrite(file, b"0123456789", 0)))
print(attempt(lambda: os.fsync(file)))
print(attempt(lambda: os.fdatasync(file)))
print(attempt(lambda: os.rename(sys.argv[1], sys.argv[1] + "x")))
"""
EIO, ENOSPC = os.strerror(errno.EIO), os.strerror(errno.ENOSPC)


@pytest.fixture
def faults(tmp_path: Path) -> Faults:
    """Return faults of files below the folder `disk`."""
    tool("cc")
    (tmp_path / "disk").mkdir()
    return Faults(tmp_path, tmp_path / "disk")


def results(faults: Faults, path: Path) -> list[str]:
    """Run a program that writes, writes at a place, syncs twice and renames; return what it got."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, path],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **faults.environment},
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (NONE, ["10", "10", "None", "None", "None"]),
        (Fault(SYNC), ["10", "10", EIO, "None", "None"]),
        (Fault(SYNC, skip=1), ["10", "10", "None", EIO, "None"]),
        (Fault(SYNC, times=2), ["10", "10", EIO, EIO, "None"]),
        (Fault(WRITE, error=errno.ENOSPC), [ENOSPC, "10", "None", "None", "None"]),
        (Fault(WRITE, skip=1), ["10", EIO, "None", "None", "None"]),
        (Fault(SHORT, times=2, keep=3), ["3", "3", "None", "None", "None"]),
        (Fault(RENAME), ["10", "10", "None", "None", EIO]),
        (LYING, ["10", "10", "None", "None", "None"]),
    ],
)
def test_the_chosen_calls_fail(
    faults: Faults, tmp_path: Path, fault: Fault, expected: list[str]
) -> None:
    faults.inject(fault)
    assert results(faults, tmp_path / "disk" / "file") == expected
    assert faults.end() == sum(result in (EIO, ENOSPC, "3") for result in expected)


def test_files_of_other_folders_are_spared(faults: Faults, tmp_path: Path) -> None:
    faults.inject(Fault(SYNC | WRITE, times=100))
    assert results(faults, tmp_path / "diskette") == ["10", "10", "None", "None", "None"]
    assert faults.end() == 0
