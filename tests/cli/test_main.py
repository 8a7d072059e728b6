"""The help of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from failoverdns.cli.main import cli
from failoverdns.cli.row_commands import timeout_of

GROUPS = [name for name, command in cli.commands.items() if isinstance(command, click.Group)]


@pytest.mark.parametrize("words", [[], *([name] for name in GROUPS)], ids=" ".join)
def test_lists_of_commands_show_complete_sentences_on_80_columns(words: list[str]) -> None:
    shown = CliRunner().invoke(cli, [*words, "--help"], terminal_width=80)
    assert shown.exit_code == 0
    _, _, commands = shown.output.partition("Commands:\n")
    assert commands
    assert "..." not in commands


@pytest.mark.parametrize("words", [[], ["import"], ["import", "bind"]], ids=" ".join)
def test_the_help_names_the_exit_status_of_an_incomplete_import(words: list[str]) -> None:
    shown = CliRunner().invoke(cli, [*words, "--help"], terminal_width=80)
    assert "7" in shown.output.partition("Exit status:")[2]


def test_every_option_has_a_help_text() -> None:
    """The text begins with a capital letter and ends with a full stop."""
    commands = list(cli.commands.values())
    for command in commands:
        if isinstance(command, click.Group):
            commands += command.commands.values()
        for option in command.params:
            if isinstance(option, click.Option):
                text = option.help or ""
                assert text[:1].isupper(), option.name
                assert text.endswith("."), option.name


def test_an_option_without_its_value_is_an_error() -> None:
    """`switch shop --at` must not switch now."""
    for words, command in _all_commands():
        for option in command.params:
            if isinstance(option, click.Option) and not option.is_flag and not option.count:
                done = CliRunner().invoke(cli, [*words, option.opts[-1]])
                assert done.exit_code == 2, (words, option.opts)
                assert f"'{option.opts[-1]}' requires an argument" in done.output


@pytest.mark.parametrize(
    ("words", "usage"),
    [
        (["zone", "notify"], "[ZONE]"),
        (["record", "remove"], "ZONE NAME [TYPE] [DATA]"),
        (["switch"], "GROUP ..."),
    ],
    ids=["zone notify", "record remove", "switch"],
)
def test_the_usage_shows_which_arguments_may_be_left_out(words: list[str], usage: str) -> None:
    shown = CliRunner().invoke(cli, [*words, "--help"], terminal_width=80)
    assert shown.output.splitlines()[0].endswith(f"{' '.join(words)} [OPTIONS] {usage}")


def _all_commands() -> Iterator[tuple[list[str], click.Command]]:
    for name, command in cli.commands.items():
        if isinstance(command, click.Group):
            for verb, nested in command.commands.items():
                yield [name, verb], nested
        else:
            yield [name], command


def test_check_config_prints_warnings_and_succeeds(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    zone = "{nameservers: {ns.b.test: }, soa: {refresh: 60, retry: 60}}"
    file.write_text(f'zones: {{a.test: {zone}}}\nlisten: ["127.0.0.1:5300"]\n')
    shown = CliRunner().invoke(cli, ["check-config", str(file)])
    assert shown.exit_code == 0
    assert shown.output.startswith(f"{file}:1:72: warning: zones.a.test.soa.retry: retry is 60")
    assert shown.output.count("\n") == 1


def test_check_config_takes_several_files_and_standard_input(tmp_path: Path) -> None:
    right = 'zones: {a.test: {nameservers: {ns.b.test: }}}\nlisten: ["127.0.0.1:5300"]\n'
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text(right)
    bad.write_text(right + "groups: {}\n")
    shown = CliRunner().invoke(cli, ["check-config", str(good), "-"], input=right)
    assert (shown.exit_code, shown.output) == (0, "")
    shown = CliRunner().invoke(cli, ["check-config", str(bad), "-", str(good)], input="zones: 1\n")
    assert shown.exit_code == 1
    lines = shown.output.splitlines()
    assert lines[0].startswith(f"{bad}:3:1: error: groups: unknown key; groups come over the")
    assert {line.partition(":")[0] for line in lines[1:]} == {"-"}


@pytest.mark.parametrize(
    ("words", "fields", "seconds"),
    [
        ("status", {}, 30),
        ("history", {"limit": 5}, 30),
        ("history", {"verify": True}, 300),
        ("restart", {}, 300),
    ],
)
def test_a_command_that_takes_long_by_nature_gets_more_time(
    words: str, fields: dict[str, Any], seconds: float
) -> None:
    """A million changes are verified in about 40 seconds of processor time."""
    assert timeout_of(words, fields) == seconds
