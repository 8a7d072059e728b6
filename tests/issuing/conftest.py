"""Fixtures of the tests of issuing: a local CA for each test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from directories import LocalDirectory
from renewals import World


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalDirectory]:
    with LocalDirectory(tmp_path) as running:
        yield running


@pytest.fixture
def world(local: LocalDirectory) -> World:
    return World(local, time.time())
