"""The C code has no defect on the fuzzers' initial inputs; `scripts/fuzz-native` does the rest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from system.server import tool

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "failoverdns" / "native"
PARTS = ("answer", "batch", "limiter", "siphash", "apply", "delta", "table", "index", "arena")
CORE = [NATIVE / f"{part}.c" for part in PARTS]
SANITIZED = ["-std=c11", "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


@pytest.mark.parametrize("target", ["deltas", "packets", "batches", "limiter"])
def test_the_c_code_accesses_no_memory_out_of_bounds(target: str, tmp_path: Path) -> None:
    """Sanitizers watch it process complete and truncated deltas, packets, batches and limits."""
    replay(target, tmp_path)


@pytest.mark.parametrize("target", ["deltas", "packets", "batches", "limiter"])
def test_the_c_code_runs_on_processors_with_32_bits(target: str, tmp_path: Path) -> None:
    """Build it with `-m32`, with every warning that is an error in what it would compute."""
    sample = tmp_path / "sample.c"
    sample.write_text("#include <stdint.h>\nint main(void) { return 0; }\n")
    narrow = [tool("cc"), "-m32", *SANITIZED, sample, "-o", tmp_path / "sample"]
    if subprocess.run(narrow, capture_output=True).returncode:
        pytest.skip("the compiler has no 32-bit libraries: Debian's gcc-multilib has them")
    replay(target, tmp_path, "-m32", "-Wall", "-Wextra", "-Werror")


def test_both_ways_to_multiply_give_the_same_product(tmp_path: Path) -> None:
    """Compare them for numbers with one bit, runs of bits, and random ones."""
    program = tmp_path / "product"
    source = ROOT / "tests" / "native" / "product.c"
    subprocess.run([tool("cc"), *SANITIZED, "-I", NATIVE, source, "-o", program], check=True)
    done = subprocess.run([program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


def replay(target: str, tmp_path: Path, *flags: str) -> None:
    """Build a fuzz target with sanitizers, and run it over its initial inputs."""
    here = ROOT / "tests" / "native"
    sources = [here / f"fuzz_{target}.c", here / "consistency.c", here / "replay.c", *CORE]
    program = tmp_path / target
    command = [tool("cc"), *SANITIZED, *flags, "-I", NATIVE, *sources, "-o", program]
    subprocess.run(command, check=True, timeout=120)
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    words = [sys.executable, here / "seeds.py", seeds, ROOT / "tests" / "corpus"]
    subprocess.run(words, check=True, timeout=60)
    inputs = sorted((seeds / target).iterdir())
    assert len(inputs) > 9
    done = subprocess.run(
        [program, *inputs],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "FAILOVERDNS_DELTA": str(seeds / "table.delta")},
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_random_calls_of_the_extension_raise_or_return(tmp_path: Path) -> None:
    """Arguments of wrong types and sizes are refused; `scripts/fuzz-native` adds sanitizers."""
    here = ROOT / "tests" / "native"
    pytest.importorskip("failoverdns._native")
    seeds = [sys.executable, here / "seeds.py", tmp_path, ROOT / "tests" / "corpus"]
    subprocess.run(seeds, check=True, timeout=60)
    run = subprocess.run(
        [sys.executable, here / "fuzz_module.py", tmp_path, "1"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert int(run.stdout.split()[0]) >= 200


def test_fuzz_native_prints_its_usage() -> None:
    """Other scripts do the same for a wrong argument."""
    run = subprocess.run(
        [ROOT / "scripts" / "fuzz-native", "--help"], capture_output=True, text=True
    )
    assert run.returncode == 2
    assert "--seconds N" in run.stdout
