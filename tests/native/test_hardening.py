"""The compiled module that is installed has the protections that its compiler and linker know."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from system.server import tool

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def module() -> Path:
    """Return the file of the compiled module."""
    native = pytest.importorskip("failoverdns._native")
    return Path(native.__file__)


def read(module: Path, *options: str) -> str:
    """Return what readelf shows of a file."""
    return subprocess.run(
        [tool("readelf"), "--wide", *options, module], capture_output=True, text=True, check=True
    ).stdout


def test_addresses_of_functions_are_read_only_once_it_is_loaded(module: Path) -> None:
    """All are looked up at the start (`BIND_NOW`); then the table is protected (`RELRO`)."""
    assert "BIND_NOW" in read(module, "--dynamic")
    assert "GNU_RELRO" in read(module, "--program-headers")


def test_an_overwritten_stack_is_noticed(module: Path) -> None:
    """`-fstack-protector-strong` compares a word on the stack before a function returns."""
    assert "__stack_chk_fail" in read(module, "--dyn-syms")


@pytest.mark.parametrize("refused", ["-fstack-clash-protection", "-Wl,-z,now"])
def test_a_compiler_without_one_of_the_flags_builds_the_module(
    refused: str, tmp_path: Path
) -> None:
    """Build with a compiler that does not know a flag; the others are used all the same."""
    compiler = tmp_path / "cc"
    compiler.write_text(
        f'#!/bin/sh\ncase " $* " in *" {refused} "*) exit 1 ;; esac\n'
        f'echo "$*" >>{tmp_path}/used\nexec {tool("cc")} "$@"\n'
    )
    compiler.chmod(0o755)
    words = ["setup.py", "-q", "build_ext", "--build-lib", tmp_path, "--build-temp", tmp_path]
    subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env={**os.environ, "CC": str(compiler), "LDSHARED": f"{compiler} -shared"},
        check=True,
        timeout=120,
    )
    [built] = (tmp_path / "failoverdns").glob("_native*.so")
    assert "__stack_chk_fail" in read(built, "--dyn-syms")
    assert "GNU_RELRO" in read(built, "--program-headers")
    assert ("BIND_NOW" in read(built, "--dynamic")) == (refused != "-Wl,-z,now")
    [line] = [line for line in (tmp_path / "used").read_text().splitlines() if "/table.c" in line]
    assert "-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2" in line
    assert ("-fstack-clash-protection" in line) == (refused != "-fstack-clash-protection")
