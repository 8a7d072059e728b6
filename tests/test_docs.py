"""The documents agree with the code: commands, options, error codes, files and the version."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from failoverdns.control.language.commands import ROWS
from failoverdns.model.errors import Code
from failoverdns.model.rule_names import ACTIVE_SIDE, PreflightRule

PROJECT = Path(__file__).parents[1]
CONTROL = (PROJECT / "docs" / "control.md").read_text()


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: str(row.words))
def test_every_command_and_option_is_documented(row) -> None:
    """Check the table of commands in `docs/control.md`."""
    lines = [
        line
        for line in CONTROL.replace("\\|", "|").splitlines()
        if line.startswith(f"| `{row.words}")
    ]
    assert lines
    for parameter in row.parameters:
        assert any(parameter.option in line for line in lines), parameter.option


def test_help_names_the_rules_that_can_be_overridden() -> None:
    """Check that the help lists every rule, whichever there are."""
    helps = {
        words: parameter.help
        for words, row in ROWS.items()
        for parameter in row.parameters
        if parameter.name == "override"
    }
    assert helps.keys() == {"switch", "group set", "rehearse", "head remove"}
    assert all(rule in helps["switch"] for rule in PreflightRule)
    assert ACTIVE_SIDE in helps["group set"]
    assert all(PreflightRule.TARGET_EMPTY in helps[words] for words in ("group set", "head remove"))


def test_every_error_code_and_rule_is_documented() -> None:
    """Check that `docs/control.md` names each one."""
    for word in (*get_args(Code), *PreflightRule, ACTIVE_SIDE):
        assert f"`{word}`" in CONTROL, word


@pytest.mark.parametrize("path", sorted(PROJECT.glob("docs/**/*.md")), ids=lambda p: p.name)
def test_files_that_documents_name_exist(path: Path) -> None:
    """Check paths in backquotes, relative to the project or to the package."""
    for name in re.findall(r"`((?:[a-z_]+/)+[a-z_-]+\.(?:py|md|yaml))`", path.read_text()):
        assert any((root / name).exists() for root in (PROJECT, PROJECT / "failoverdns")), name


def test_the_changelog_has_an_entry_for_the_version() -> None:
    """Check the heading of the current version."""
    from failoverdns import __version__

    assert f"## {__version__}" in (PROJECT / "CHANGELOG.md").read_text()


def test_the_tests_run_against_the_installed_package() -> None:
    """Test what `pip install .` gives a user; `scripts/test` installs the package."""
    import failoverdns

    assert "site-packages" in Path(failoverdns.__file__).parts
