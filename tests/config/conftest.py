"""Fixtures of the configuration's tests: a valid file, and loading a text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from failoverdns.config import ConfigError, ConfigErrors, load_config
from failoverdns.model.settings import Config

Load = Callable[[str | bytes], Config]
Errors = Callable[[str | bytes], list[ConfigError]]

RIGHT = """\
zones:
  failover.test:
    nameservers:
      ns1: [192.0.2.53, "2001:db8::53"]
      ns2.example.net: []
listen: ["127.0.0.1:5300"]
"""


@pytest.fixture
def right() -> str:
    """The smallest valid file, more or less."""
    return RIGHT


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a configuration from its text."""

    def load(text: str | bytes) -> Config:
        path = tmp_path / "failoverdns.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return load_config(path)

    return load


@pytest.fixture
def errors(load: Load) -> Errors:
    """Load a configuration and return its errors; none if it is valid."""

    def errors(text: str | bytes) -> list[ConfigError]:
        try:
            load(text)
        except ConfigErrors as error:
            return list(error.errors)
        return []

    return errors


@pytest.fixture
def shown(errors: Errors) -> Callable[[str | bytes], list[str]]:
    """Load a configuration and return its errors as `LINE:COLUMN PATH: MESSAGE`."""

    def shown(text: str | bytes) -> list[str]:
        return [f"{e.line}:{e.column} {e.path}: {e.message}" for e in errors(text)]

    return shown
