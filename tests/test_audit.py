"""`scripts/audit` never calls packages clean that nobody could look up."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from releasing.audit_report import CLEAN, FOUND, NOT_ASKED, judge

PROJECT = Path(__file__).parents[1]

SOUND = {"name": "click", "version": "8.5.1", "vulns": []}
HOLE = {
    "name": "requests",
    "version": "2.32.0",
    "vulns": [{"id": "CVE-2024-47081", "fix_versions": ["2.32.4"], "description": "netrc"}],
}
SKIPPED = {"name": "idna", "skip_reason": "Dependency not found and could not be audited"}


def test_no_holes_in_packages_that_were_looked_up() -> None:
    """The same package in two files counts once."""
    status, lines = judge([{"dependencies": [SOUND]}, {"dependencies": [SOUND]}])
    assert status == CLEAN
    assert lines == ["no known holes in 1 packages"]


def test_a_hole_is_found_whatever_else_could_not_be_asked() -> None:
    """It is named with the version that repairs it."""
    status, lines = judge([{"dependencies": [SOUND, SKIPPED, HOLE]}])
    assert status == FOUND
    assert lines[0] == "found: requests 2.32.0: CVE-2024-47081, repaired in 2.32.4"
    assert "scripts/pin --upgrade" in lines[-1]


def test_a_service_that_knows_no_package_was_not_asked() -> None:
    """pip-audit ends with 0 here, and says that there are no known vulnerabilities."""
    status, lines = judge([{"dependencies": [SOUND, SKIPPED]}])
    assert status == NOT_ASKED
    assert lines[0].startswith("could not be asked: the service does not know 1 of 2 packages")
    assert judge([{"dependencies": []}])[0] == NOT_ASKED


@pytest.mark.parametrize("script", ["audit", "release"])
def test_the_script_prints_its_usage(script: str) -> None:
    """A wrong argument gets it, too."""
    for word, status in (("--help", 0), ("--nonsense", 2)):
        run = subprocess.run([PROJECT / "scripts" / script, word], capture_output=True, text=True)
        assert run.returncode == status
        assert f"scripts/{script}" in run.stdout
