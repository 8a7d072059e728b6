"""Words for JSON Schema: what fits and what does not, judged by a public validator."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from failoverdns.control.language.json_schema import (
    COUNT,
    TEXT,
    TIME,
    Schema,
    constant,
    extended,
    list_of,
    map_of,
    nullable,
    one_of,
    record,
)

PERSON = record({"name": TEXT}, {"age": COUNT})


@pytest.mark.parametrize(
    ("schema", "value", "fits"),
    [
        (TEXT, "a", True),
        (TEXT, None, False),
        (nullable(TEXT), None, True),
        (nullable(TEXT), 1, False),
        (nullable(one_of(["a", "b"])), None, True),
        (nullable(one_of(["a", "b"])), "c", False),
        (nullable(constant(True)), None, True),
        (nullable(constant(True)), False, False),
        (nullable(nullable(TIME)), None, True),
        (nullable({"anyOf": [TEXT, COUNT]}), None, True),
        (nullable({"anyOf": [TEXT, COUNT]}), True, False),
        (COUNT, 0, True),
        (COUNT, -1, False),
        (list_of(TEXT), ["a"], True),
        (list_of(TEXT), ["a", 1], False),
        (map_of(COUNT), {"a": 1}, True),
        (map_of(COUNT), {"a": "1"}, False),
        (constant("x"), "x", True),
        (constant("x"), "y", False),
        (PERSON, {"name": "a"}, True),
        (PERSON, {"name": "a", "age": 3}, True),
        (PERSON, {"age": 3}, False),
        (PERSON, {"name": "a", "height": 3}, False),
        (record({}), {}, True),
        (record({}), {"a": 1}, False),
        (extended(PERSON, {"id": TEXT}), {"name": "a", "id": "1"}, True),
        (extended(PERSON, {"id": TEXT}), {"name": "a"}, False),
        (extended(PERSON, {}, {"id": TEXT}), {"name": "a"}, True),
        (extended(PERSON, {"name": COUNT}), {"name": 1}, True),
        (extended(record({}, {"a": TEXT}), {}), {}, True),
    ],
)
def test_a_value_fits_a_schema_or_not(schema: Schema, value: Any, fits: bool) -> None:
    Draft202012Validator.check_schema(schema)
    assert Draft202012Validator(schema).is_valid(value) == fits
