"""A pytest plugin that exits if the package under test is not the mutated copy."""

from __future__ import annotations

import importlib.util
import os

import pytest

WRONG = 9
"""The exit status of pytest in that case."""


def pytest_configure() -> None:
    """Find the place from which the package would be imported, without importing it."""
    spec = importlib.util.find_spec("failoverdns")
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    if places != [os.environ["MUTATED_PACKAGE"]]:
        pytest.exit(f"not the mutated copy: {places}", WRONG)
