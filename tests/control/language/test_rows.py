"""Rows of the command table: every fault in the fields or words of a request is named."""

from __future__ import annotations

import pytest

from failoverdns.control.language.commands import ROWS, parse_command
from failoverdns.control.language.rows import MAX_FAULTS, JsonType, Parameter
from failoverdns.control.language.words import read_words
from failoverdns.model.change import Json
from failoverdns.model.errors import Malformed, Rejected

Fields = dict[str, Json]


def command_name(words: str) -> str:
    """Return the row that words belong to."""
    first = words.split(" ")[0]
    return first if first in ROWS else " ".join(words.split(" ")[:2])


def test_a_usage_line_shows_how_the_command_is_written() -> None:
    """Square brackets enclose optional parameters; dots follow repeated ones."""
    assert ROWS["switch"].usage == (
        "switch GROUP ... [--to primary|backup] [--if-revision N] [--override RULE ...] "
        "[--dry-run] [--reason TEXT] [--at TIME] [--pre-ttl S] [--wait-secondaries S]"
    )
    assert ROWS["status"].usage == "status [GROUP]"
    assert ROWS["head set"].usage == "head set APPLICATION NAME [--address A ...] [--hostname H]"


PARAMETERS = [
    pytest.param(parameter, id=f"{row.words} {parameter.option}")
    for row in ROWS.values()
    for parameter in row.parameters
]


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_a_parameter_accepts_the_json_values_that_the_table_states(
    parameter: Parameter[object],
) -> None:
    """A machine-readable description of the API can be made from the table."""
    if parameter.type is JsonType.BOOLEAN:
        assert (parameter.parse(True), parameter.parse(False)) == (True, False)
    elif parameter.type is JsonType.INTEGER:
        assert parameter.minimum is not None
        assert parameter.maximum is not None
        for inside in (parameter.minimum, parameter.maximum):
            assert parameter.parse(inside) == inside
        for outside in (parameter.minimum - 1, parameter.maximum + 1):
            with pytest.raises(Malformed):
                parameter.parse(outside)
    for choice in parameter.choices:
        parameter.parse(choice)
    others: dict[JsonType, Json] = {
        JsonType.BOOLEAN: "true",
        JsonType.INTEGER: "1",
        JsonType.STRING: True,
    }
    with pytest.raises(Malformed):
        parameter.parse(others[parameter.type])
    if parameter.choices:
        with pytest.raises(Malformed):
            parameter.parse("neither")


FIELDS: list[tuple[str, str, Fields, str]] = [
    ("a required field is missing", "switch", {}, "GROUP is missing"),
    ("null means missing", "switch", {"groups": None}, "GROUP is missing"),
    ("an empty list is not missing", "switch", {"groups": []}, "GROUP: must not be empty"),
    ("a list is required", "switch", {"groups": "shop"}, "GROUP: must be a list, not a string"),
    (
        "a list of strings is required",
        "switch",
        {"groups": [1]},
        "GROUP: must be a string, not a number",
    ),
    ("two missing", "head rename", {"application": "a"}, "OLD is missing; NEW is missing"),
    ("a field too many", "watch", {"x": 1}, "x: unknown field of watch"),
    (
        "a field misspelt",
        "group add",
        {"name": "a", "tll": 5},
        "tll: unknown field of group add; did you mean 'ttl'?",
    ),
    (
        "a field that cannot be printed",
        "watch",
        {"\x1b[2J": 1},
        "'\\x1b[2J': unknown field of watch",
    ),
    ("a lone surrogate", "watch", {"\ud800": 1}, "'\\ud800': unknown field of watch"),
    (
        "a wrong side",
        "switch",
        {"groups": ["a"], "to": "left"},
        "--to: must be 'primary' or 'backup', not 'left'",
    ),
    (
        "a side that is not a string",
        "switch",
        {"groups": ["a"], "to": [1]},
        "--to: must be 'primary' or 'backup', not a list",
    ),
    (
        "a number in quotes",
        "history",
        {"limit": "5"},
        "--limit: must be a whole number, not a string",
    ),
    ("a fraction", "history", {"limit": 5.5}, "--limit: must be a whole number, not a fraction"),
    (
        "a boolean",
        "history",
        {"limit": True},
        "--limit: must be a whole number, not a boolean",
    ),
    (
        "an invalid hash",
        "history",
        {"expect": "ab" * 31, "verify": True},
        f"--expect: {'ab' * 31!r} is not a SHA-256 of 64 hex digits",
    ),
    ("too small a number", "history", {"limit": 0}, "--limit: 0: must be from 1 to 10000"),
    (
        "too large a TTL",
        "group set",
        {"name": "a", "ttl": 86401},
        "--ttl: 86401: must be from 0 to 86400 seconds",
    ),
    (
        "a flag that is a string",
        "switch",
        {"groups": ["a"], "dry_run": "yes"},
        "--dry-run: must be true or false, not a string",
    ),
    (
        "all faults at once",
        "group add",
        {"ttl": -1, "labl": "x", "zone": ".."},
        "labl: unknown field of group add; did you mean 'label'?; NAME is missing; "
        "--zone: '..' is not a domain name: it has an empty label; "
        "--ttl: -1: must be from 0 to 86400 seconds",
    ),
]


@pytest.mark.parametrize(
    ("command", "fields", "message"), [pytest.param(*case[1:], id=case[0]) for case in FIELDS]
)
def test_every_fault_in_the_fields_is_named(command: str, fields: Fields, message: str) -> None:
    """The refusal names the field, the fault and valid values, and shows the usage."""
    with pytest.raises(Rejected) as refusal:
        parse_command(command, fields)
    expected = f"{message} (usage: {ROWS[command].usage})"
    assert (refusal.value.code, refusal.value.message) == ("invalid", expected)


def test_a_thousand_unknown_fields_get_a_short_refusal() -> None:
    """The refusal names some of them and counts the rest."""
    with pytest.raises(Rejected) as refusal:
        parse_command("watch", {f"field{number:04}": 1 for number in range(1000)})
    assert refusal.value.message.count("unknown field of") == MAX_FAULTS
    assert f"and {1000 - MAX_FAULTS} more unknown fields" in refusal.value.message


WORDS = [
    ("switch shop --ot backup", "unknown option --ot; did you mean '--to'?"),
    ("switch shop --frobnicate", "unknown option --frobnicate"),
    ("switch shop --to", "--to needs a value"),
    ("switch shop --to a --to b", "--to is given twice"),
    ("switch shop --dry-run --dry-run", "--dry-run is given twice"),
    ("switch shop --dry-run=yes", "--dry-run takes no value"),
    ("status a b", "too many words: 'b'"),
    ("group rename a b c", "too many words: 'c'"),
    ("status -x", None),
    ("group add shop --ttl 60s", "--ttl: must be a whole number of seconds, not a string"),
    (
        "group add shop --ttl 99999999999999999999",
        "--ttl: must be a whole number of seconds, not a string",
    ),
    ("group add shop --ttl -1", "--ttl: -1: must be from 0 to 86400 seconds"),
    ("group add shop --ttl ٣", "--ttl: must be a whole number of seconds, not a string"),
]


@pytest.mark.parametrize(("words", "message"), WORDS)
def test_words_that_do_not_fit_the_command_are_refused(words: str, message: str | None) -> None:
    """Misspelt, doubled, incomplete and superfluous options are named, with the usage."""
    with pytest.raises(Rejected) as refusal:
        parse_command(*read_words(words.split()))
    assert refusal.value.code == "invalid"
    if message is not None:
        usage = ROWS[command_name(words)].usage
        assert refusal.value.message == f"{message} (usage: {usage})"
