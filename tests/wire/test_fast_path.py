"""Which table answers is chosen once, and an environment variable leaves no choice."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from failoverdns.wire import fast_path as chosen
from failoverdns.wire.fast_path import VARIABLE, NotCompiled, fast_path, make_table
from failoverdns.wire.python_table import PythonTable
from failoverdns.wire.table import ServesBatches

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


def test_what_was_not_compiled_cannot_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the error says what to do."""
    monkeypatch.setenv(VARIABLE, "compiled")
    monkeypatch.setattr(chosen, "find_spec", lambda name: None)
    with pytest.raises(NotCompiled, match="where there is a C compiler"):
        make_table()
