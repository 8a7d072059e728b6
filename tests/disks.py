"""Small file systems of a test, which can be filled, made read-only, and unmounted."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from system.server import tool


def need_root() -> None:
    """Skip a test that mounts something without root; fail in CI."""
    if os.geteuid() != 0:
        if os.environ.get("CI") == "true":
            pytest.fail("only root can mount a file system")
        pytest.skip("only root can mount a file system")


@contextmanager
def mounted(folder: Path, mebibytes: int) -> Iterator[Path]:
    """Mount an ext4 file system of a size; unmount it at the end."""
    need_root()
    image, point = folder / "image", folder / "disk"
    point.mkdir()
    with image.open("wb") as file:
        file.truncate(mebibytes << 20)
    command([tool("mkfs.ext4"), "-q", "-m", "0", image])
    command([tool("mount"), "-o", "loop", image, point])
    try:
        yield point
    finally:
        command([tool("umount"), "-l", point])


def make_read_only(point: Path, *, read_only: bool = True) -> None:
    """Mount a file system again, without or with permission to write."""
    command([tool("mount"), "-o", f"remount,{'ro' if read_only else 'rw'}", point])


def fill(point: Path, name: str = "filler") -> Path:
    """Write a file until nothing more fits on the disk; return it."""
    path = point / name
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return path


def command(words: list[object]) -> None:
    """Run a program that must succeed."""
    subprocess.run(list(map(str, words)), check=True, capture_output=True, timeout=60)
