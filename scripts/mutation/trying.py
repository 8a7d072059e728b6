"""Try mutants: run the nearest tests against a copy of the package with one mutant.

The test module of the same name runs first, then the tests of the same folder and those that import
the module.  `tests/system` is never run, because it uses the installed package.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import failoverdns
from mutation.mutants import Mutant

ROOT = Path(__file__).parents[2]
"""The checkout that this program stands in; the functions work on any checkout, `root`."""

PACKAGE = "failoverdns"
FAILED, BROKEN, EMPTY = 1, 2, 5
"""The exit statuses of pytest: a test failed, a module cannot be imported, there are no tests."""

_APART = ("test_docs.py", "test_layers.py")
"""Tests that read the installed package and the documents, and thus see no mutant."""


class Unsound(Exception):
    """The tests fail without a mutant or cannot be run, so that a result would mean nothing."""


def files_of(root: Path, part: str) -> list[str]:
    """Return the files of a package or module, as paths relative to the folder `failoverdns`."""
    folder = root / PACKAGE
    found = sorted((folder / part).rglob("*.py")) or [folder / f"{part}.py"]
    return [str(path.relative_to(folder)) for path in found]


def tests_of(root: Path, file: str) -> list[list[str]]:
    """Return the tests for a file of the package, in stages to run one after the other."""
    path = Path(file)
    tests = root / "tests"
    own = tests / path.parent / f"test_{path.name}"
    dotted = ".".join((PACKAGE, *path.with_suffix("").parts))
    spellings = (f"{dotted} import", f"from {dotted.rpartition('.')[0]} import {path.stem}\n")
    near = [
        test
        for test in sorted(tests.rglob("test_*.py"))
        if test != own
        and "system" not in test.relative_to(tests).parts
        and test.name not in _APART
        and (
            (test.parent == own.parent and path.parent.name)
            or any(spelling in test.read_text() for spelling in spellings)
        )
    ]
    stages = [[own] if own.exists() else [], near]
    return [[str(test.relative_to(root)) for test in stage] for stage in stages if stage]


def check_tests(root: Path, files: Iterable[str]) -> None:
    """Run all tests for these files once without a mutant; raise Unsound if one fails."""
    tests = sorted({test for file in files for stage in tests_of(root, file) for test in stage})
    with TemporaryDirectory() as folder:
        _copy(root, Path(folder))
        if tests and (status := _run(root, tests, Path(folder), None)) != 0:
            raise Unsound(f"without a mutant pytest returns {status}: {' '.join(tests)}")


def is_noticed(root: Path, file: str, mutant: Mutant, limit: float) -> bool:
    """Return whether a test fails with a mutant, or a stage takes more than `limit` seconds."""
    with TemporaryDirectory() as folder:
        _copy(root, Path(folder))
        (Path(folder) / PACKAGE / file).write_text(mutant.text)
        return any(
            _run(root, tests, Path(folder), limit) in (FAILED, BROKEN)
            for tests in tests_of(root, file)
        )


def _copy(root: Path, folder: Path) -> None:
    """Copy the package, with the compiled modules of its installation, into a folder."""
    shutil.copytree(root / PACKAGE, folder / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    for compiled in Path(next(iter(failoverdns.__path__))).glob("_native*.so"):
        shutil.copy(compiled, folder / PACKAGE)


def _run(root: Path, tests: list[str], folder: Path, limit: float | None) -> int:
    """Return pytest's status, or FAILED after `limit` seconds; raise Unsound if it cannot run."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(folder), str(root / "scripts"))),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis"),
        "MUTATED_PACKAGE": str(folder / PACKAGE),
    }
    plugins = ("-p", "mutation.imported", "-p", "no:cacheprovider", "-p", "no:xdist")
    running = subprocess.Popen(
        [sys.executable, "-P", "-m", "pytest", "-x", "-q", *plugins, *tests],
        cwd=root,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _, problem = running.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        return FAILED
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.communicate()
    if running.returncode not in (0, FAILED, BROKEN, EMPTY):
        raise Unsound(f"pytest returned {running.returncode}: {problem.decode()}")
    return running.returncode
