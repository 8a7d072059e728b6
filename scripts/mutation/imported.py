"""A pytest plugin: end at once if the package under test is another one than the mutated copy."""

from __future__ import annotations

import importlib.util
import os

import pytest

WRONG = 9
"""What pytest returns then."""


def pytest_configure() -> None:
    """Look where the package would be imported from, without importing it."""
    spec = importlib.util.find_spec("failoverdns")
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    if places != [os.environ["MUTATED_PACKAGE"]]:
        pytest.exit(f"not the mutated copy: {places}", WRONG)
