"""The table is chosen once, and an environment variable can force the choice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import failoverdns
from failoverdns.protocol.table.fast_path import VARIABLE, fast_path, make_table
from failoverdns.protocol.table.python_table import PythonTable
from failoverdns.protocol.table.table import ServesBatches

IS_COMPILED = find_spec("failoverdns._native") is not None


def test_the_compiled_table_is_used_if_it_was_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the one in pure Python is used."""
    monkeypatch.delenv(VARIABLE, raising=False)
    assert fast_path() == ("compiled" if IS_COMPILED else "pure Python")
    assert isinstance(make_table(), ServesBatches) == IS_COMPILED


def test_pure_python_can_be_forced_by_the_environment_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For comparison, or in case of doubt about the extension."""
    monkeypatch.setenv(VARIABLE, "python")
    assert fast_path() == "pure Python"
    assert isinstance(make_table(), PythonTable)


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        ("compiled", 1, "install failoverdns again where there is a C compiler"),
        ("", 0, "fast path: pure Python"),
    ],
)
def test_a_package_without_extension_uses_python_and_refuses_to_force_the_extension(
    tmp_path: Path, asked: str, status: int, told: str
) -> None:
    """The error is one line with a remedy."""
    built = Path(failoverdns.__file__).parent
    shutil.copytree(built, tmp_path / "failoverdns", ignore=shutil.ignore_patterns("*.so"))
    done = subprocess.run(
        [sys.executable, "-m", "failoverdns", "version"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, VARIABLE: asked},
    )
    assert (done.returncode, done.stderr.count("\n")) == (status, status)
    assert told in done.stdout + done.stderr
