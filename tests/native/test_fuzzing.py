"""The fuzzers of the C part build, and find nothing in a second; `scripts/fuzz-native` goes on."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(shutil.which("clang") is None, reason="there is no clang")
def test_the_fuzzers_build_and_find_nothing_at_once() -> None:
    """With what they begin with: a table with a bit of everything, zones in zones, odd packets."""
    run = subprocess.run(
        [ROOT / "scripts" / "fuzz-native", "--seconds", "1", "--build", "build/fuzz-test"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert "packets" in run.stdout


def test_the_fuzzers_say_how_they_are_called() -> None:
    """As the other scripts do."""
    run = subprocess.run(
        [ROOT / "scripts" / "fuzz-native", "--help"], capture_output=True, text=True
    )
    assert run.returncode == 2
    assert "--seconds N" in run.stdout
