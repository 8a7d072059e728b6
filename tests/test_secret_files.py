"""A file with a secret is read only if it can keep one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from failoverdns.model.errors import Malformed
from failoverdns.secret_files import read_secret


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400])
def test_a_file_of_its_owner_or_group_is_read(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"1234")
    file.chmod(mode)
    assert read_secret(file, 4) == b"1234"


@pytest.mark.parametrize("mode", [0o644, 0o602, 0o601, 0o666])
def test_a_file_that_others_can_open_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"1234")
    file.chmod(mode)
    with pytest.raises(Malformed, match="every user of the machine can open it"):
        read_secret(file, 4)


def test_a_larger_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"12345")
    file.chmod(0o600)
    with pytest.raises(Malformed, match="larger than 4 bytes"):
        read_secret(file, 4)


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    """Opening it would wait for somebody who writes to it."""
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(Malformed, match="not a regular file"):
        read_secret(tmp_path / "pipe", 4)


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_secret(tmp_path / "none", 4)
