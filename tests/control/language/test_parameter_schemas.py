"""Schemas of parameters: every text has a form, and what the server takes fits its schema."""

from __future__ import annotations

import json
from typing import Any

import pytest
from control.language.test_commands import COMMANDS
from jsonschema import Draft202012Validator

from failoverdns.control.language import values
from failoverdns.control.language.commands import ROWS
from failoverdns.control.language.parameter_schemas import (
    FORMS,
    parameter_schema,
    request_schema,
    value_schema,
)
from failoverdns.control.language.requests import read_request
from failoverdns.control.language.rows import JsonType, Parameter
from failoverdns.model.errors import Malformed

TEXTS = {
    parameter.parse: parameter
    for row in ROWS.values()
    for parameter in row.parameters
    if parameter.type is JsonType.STRING and not parameter.choices
}


def test_every_text_of_a_command_has_a_form() -> None:
    """A parameter with a new parser makes this test fail until the parser has a form."""
    unknown = [parameter.name for parse, parameter in TEXTS.items() if parse not in FORMS]
    assert unknown == []


def test_every_form_is_of_a_parameter() -> None:
    assert set(FORMS) <= set(TEXTS)


@pytest.mark.parametrize("words", ROWS)
def test_the_schema_of_a_request_is_a_json_schema(words: str) -> None:
    Draft202012Validator.check_schema(request_schema(ROWS[words]))


def test_what_the_server_takes_fits_its_schema() -> None:
    """Every request of the tests of the command table, as JSON."""
    for words, fields, _ in COMMANDS:
        name = str(read_request(words.encode()).given["command"])
        request = {"command": name, **fields, "id": 1, "op_id": "x"}
        Draft202012Validator(request_schema(ROWS[name])).validate(request)


@pytest.mark.parametrize(
    ("parse", "good", "bad"),
    [
        (values.group, ["shop", "a.b-c_D", "x" * 128], ["", "-a", "a b", "x" * 129, None, 3]),
        (values.application, ["eu", "EU", "_a", "x" * 63], ["", "a.b", "-a", "x" * 64, "ä"]),
        (values.application_or_nothing, ["", "eu"], ["-", "a b"]),
        (values.label, ["@", "414-262-781"], ["", "a.b", "@a"]),
        (values.address, ["192.0.2.1", "2001:db8::1"], [1]),
        (values.sha256, ["ab" * 32, "AB" * 32], ["ab", "xy" * 32]),
        (values.configured_name, ["web", "a.b"], ["", "a b", "x" * 65]),
        (values.quorum, ["any", "all", "3", 3, 1000], ["none", 0, 1001, True]),
        (values.exact_target, ["eu", "eu/lb1"], ["", "eu/", "eu/a/b", "*"]),
        (values.health_target, ["eu", "*", "shop-*/web?"], ["", "a/b/c", "a b"]),
        (values.certificate_name, ["*.a.example", "a.example."], ["", "a..b", "**"]),
        (values.text, ["any words: ä", ""], ["two\nlines", "x" * 1001]),
        (values.pem, ["-----BEGIN X"], ["", "x"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_form_says_what_the_parser_takes(parse: Any, good: list[Any], bad: list[Any]) -> None:
    form = Draft202012Validator(FORMS[parse])
    for value in good:
        parse(value)
        assert form.is_valid(value), value
    for value in bad:
        assert not form.is_valid(value), value
        with pytest.raises(Malformed):
            parse(value)


def test_numbers_words_and_lists_have_their_limits() -> None:
    switch = {one.name: one for one in ROWS["switch"].parameters}
    assert value_schema(switch["pre_ttl"]) == {"type": "integer", "minimum": 0, "maximum": 86400}
    assert value_schema(switch["to"]) == {"type": "string", "enum": ["primary", "backup"]}
    assert value_schema(switch["dry_run"]) == {"type": "boolean"}
    groups = parameter_schema(switch["groups"])
    assert (groups["type"], groups["minItems"], groups["maxItems"]) == ("array", 1, 5000)
    assert "minItems" not in parameter_schema(switch["override"])


def test_what_is_not_required_may_be_null_and_unknown_fields_may_not_be_there() -> None:
    validator = Draft202012Validator(request_schema(ROWS["group set"]))
    assert validator.is_valid({"name": "shop", "primary": None, "ttl": None, "override": None})
    assert not validator.is_valid({"name": None})
    assert not validator.is_valid({"name": "shop", "prymary": "eu"})
    assert not validator.is_valid({})


def test_a_parameter_of_the_command_line_only_is_not_in_the_schema() -> None:
    assert set(request_schema(ROWS["backup"])["properties"]) == {"command", "id", "op_id"}


def test_a_parser_without_a_form_takes_any_text() -> None:
    made: Parameter[str] = Parameter("x", "a text", json.dumps)
    assert value_schema(made) == {"type": "string"}
