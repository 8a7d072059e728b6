"""A mutant is tried in a copy of the project: its tests fail, or it survives."""

from __future__ import annotations

from pathlib import Path

import pytest
from mutation import trying
from mutation.mutants import Mutant
from mutation.trying import Unsound, check_tests, files_of, is_noticed

FILE = "part/adding.py"
SOURCE = "def add(a, b):\n    return a + b\n"
MODULE = "from failoverdns.part.adding import add\n\n\ndef test_it():\n    "


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with a single module and its tests, and with our `scripts`."""
    for path, text in {
        "failoverdns/__init__.py": "",
        "failoverdns/part/__init__.py": "",
        f"failoverdns/{FILE}": SOURCE,
        "failoverdns/alone.py": "",
        "tests/part/test_adding.py": f"{MODULE}assert add(1, 2) == 3\n",
        "tests/part/test_beside.py": "def test_nothing():\n    pass\n",
        "tests/other/test_user.py": f"{MODULE}assert add(0, 5) == 5\n",
        "tests/other/test_apart.py": "def test_nothing():\n    pass\n",
        "tests/system/test_all.py": f"{MODULE}raise ValueError\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "scripts").symlink_to(trying.ROOT / "scripts")
    return tmp_path


def mutant(text: str) -> Mutant:
    """Return a mutant of the module."""
    return Mutant(2, "arithmetic", "", text)


def test_the_files_of_a_package_and_of_a_module_are_found(project: Path) -> None:
    assert files_of(project, "part") == ["part/__init__.py", FILE]
    assert files_of(project, "alone") == ["alone.py"]


def test_the_test_file_of_the_same_name_runs_first_then_the_others(project: Path) -> None:
    assert trying.tests_of(project, FILE) == [
        ["tests/part/test_adding.py"],
        ["tests/other/test_user.py", "tests/part/test_beside.py"],
    ]
    assert trying.tests_of(project, "alone.py") == []


def test_a_mutant_that_fails_a_test_is_noticed(project: Path) -> None:
    check_tests(project, [FILE])
    assert is_noticed(project, FILE, mutant(SOURCE.replace("+", "-")), 60.0)


def test_a_mutant_that_fails_only_a_test_of_another_package_is_noticed(project: Path) -> None:
    assert is_noticed(project, FILE, mutant("def add(a, b):\n    return 3\n"), 60.0)


def test_a_mutant_that_passes_all_tests_survives(project: Path) -> None:
    assert not is_noticed(project, FILE, mutant(SOURCE.replace("+", "|")), 60.0)


def test_a_mutant_that_never_ends_is_noticed_after_the_time_limit(project: Path) -> None:
    assert is_noticed(project, FILE, mutant("while True:\n    pass\n"), 0.5)


def test_every_mutant_of_a_module_that_no_test_imports_survives(project: Path) -> None:
    check_tests(project, ["alone.py"])
    assert not is_noticed(project, "alone.py", mutant("raise ValueError\n"), 60.0)


def test_tests_that_fail_without_a_mutant_measure_nothing(project: Path) -> None:
    (project / "tests/part/test_beside.py").write_text("def test_it():\n    assert False\n")
    with pytest.raises(Unsound, match="without a mutant pytest returns 1"):
        check_tests(project, [FILE])


def test_tests_that_import_another_package_measure_nothing(
    project: Path,
) -> None:
    """Without `__init__.py` the installed package is found in place of the copy."""
    (project / "failoverdns/__init__.py").unlink()
    with pytest.raises(Unsound, match="pytest returned 9"):
        check_tests(project, [FILE])
