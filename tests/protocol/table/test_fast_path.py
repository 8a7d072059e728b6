"""Which table answers is chosen once, and an environment variable leaves no choice."""

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


def test_the_compiled_table_answers_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """And else the one in pure Python, without a word."""
    monkeypatch.delenv(VARIABLE, raising=False)
    assert fast_path() == ("compiled" if IS_COMPILED else "pure Python")
    assert isinstance(make_table(), ServesBatches) == IS_COMPILED


def test_pure_python_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """To compare, or when in doubt."""
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
def test_without_a_compiler_pure_python_answers_and_nothing_else_can_be_asked_for(
    tmp_path: Path, asked: str, status: int, told: str
) -> None:
    """A package that was built without one: the error says what to do, in a line."""
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
