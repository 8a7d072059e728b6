"""YAML becomes plain values with their positions, without surprises."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failoverdns.config.document import MAX_DEPTH, Plain, read_document, refuse_repeated
from failoverdns.config.errors import ConfigErrors, FaultReport


def read(text: str) -> tuple[Plain, list[str]]:
    """Return the document's plain value, and its errors as `LINE:COLUMN PATH: MESSAGE`."""
    report = FaultReport("f")
    node = read_document(text, report)
    errors: list[str] = []
    try:
        report.raise_if_any()
    except ConfigErrors as error:
        errors = [f"{e.line}:{e.column} {e.path}: {e.message}" for e in error.errors]
    return node.plain() if node is not None else None, errors


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-0", 0),
        ("+7", 7),
        ("-60", -60),
        ("86400", 86400),
        ("9" * 18, 10**18 - 1),
        ("no", "no"),
        ("yes", "yes"),
        ("True", "True"),
        ("0660", "0660"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2026-01-01", "2026-01-01"),
        ("1.5", "1.5"),
        ("1.2.3.4", "1.2.3.4"),
        ("'60'", "60"),
        ('"true"', "true"),
        ("''", ""),
        ("\N{ARABIC-INDIC DIGIT ONE}", "\N{ARABIC-INDIC DIGIT ONE}"),
    ],
)
def test_a_scalar_has_the_type_that_it_looks_like(scalar: str, value: Plain) -> None:
    found, errors = read(f"key: {scalar}\n")
    assert errors == []
    assert isinstance(found, dict)
    assert found["key"] == value
    assert type(found["key"]) is type(value)


def test_values_and_keys_have_their_positions() -> None:
    node = read_document("zones:\n  a.test:\n    list: [one,\n      two]\n", FaultReport("f"))
    assert node is not None
    inner = node.at("zones", "a.test", "list", 1)
    assert inner is not None
    assert (inner.place.line, inner.place.column) == (4, 7)
    assert inner.place.path == "zones.a.test.list[1]"
    zone = node.at("zones", "a.test")
    assert zone is not None
    assert (zone.key.line, zone.key.column) == (2, 3)
    assert (zone.place.line, zone.place.column) == (3, 5)


def test_values_keep_their_places_when_others_are_removed() -> None:
    node = read_document("a: [x, y, z]\nb: {c: 1, d: 2}\n", FaultReport("f"))
    assert node is not None
    left = node.usable([("a", 1), ("b", "c"), ("nowhere", 5)])
    assert left.plain() == {"a": ["x", "z"], "b": {"d": 2}}
    moved = left.at("a", 1)
    assert moved is not None
    assert moved.place.path == "a[2]"
    assert node.plain() == {"a": ["x", "y", "z"], "b": {"c": 1, "d": 2}}


def test_every_repetition_of_a_value_is_reported_except_the_first() -> None:
    report = FaultReport("f")
    node = read_document("[x, y, X, x, y]\n", report)
    refuse_repeated("xyXxy", node, "letter", report)
    with pytest.raises(ConfigErrors) as raised:
        report.raise_if_any()
    assert [str(error) for error in raised.value.errors] == [
        "f:1:11: error: [3]: the letter x is given twice",
        "f:1:14: error: [4]: the letter y is given twice",
    ]


@pytest.mark.parametrize("location", [("a", 3), ("a", "x"), ("c",), ("b", 0), ("a", 0, 0)])
def test_a_location_that_does_not_exist_finds_nothing(location: tuple[int | str, ...]) -> None:
    node = read_document("a: [x, y, z]\nb: {c: 1}\n", FaultReport("f"))
    assert node is not None
    assert node.at(*location) is None


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a: 1\nb: 2\na: 3\n", '3:1 a: the key "a" is given twice; the first time on line 1'),
        ("a: &x 1\nb: *x\n", "2:4 b: aliases (*name) are not supported; write the value out"),
        ("<<: *x\n", '1:5 "<<": aliases (*name) are not supported; write the value out'),
        (
            "a:\n- !!python/object:os.system x\n",
            "2:3 a[0]: tags (!name) are not supported; if the value is text, put it in quotes",
        ),
        ("!x a: 1\n", "1:1 a: tags (!name) are not supported on keys"),
        ("? [a]\n: 1\n", "1:3 : a key must be text"),
        ("a: 1\n---\nb: 2\n", "2:1 : a second document begins here; one is allowed"),
        ("a: b: c\n", "1:5 : not valid YAML: mapping values are not allowed here"),
        (
            "a: [::1]\n",
            "1:5 : not valid YAML: while parsing a flow node, expected the node content, but "
            "found ':'; inside [ ] quote what begins with a colon, such as \"::1\"",
        ),
        (
            "a: [*]\n",
            "1:6 : not valid YAML: while scanning an alias, expected alphabetic or numeric "
            "character, but found ']'; quote what begins with an asterisk, such as \"*\"",
        ),
        ("a: 1\nb:\tx\x07\n", "2:5 : the character U+0007 is not allowed in YAML"),
        ('a: "\\ud800"\n', "1:4 a: an escape in this text does not stand for a character"),
        ('"\\udfff": 1\n', '1:1 "\\udfff": an escape in this text does not stand for a character'),
        ('a: "\\UFFFFFFFF"\n', None),
        ("%YAML 1." + "9" * 5000 + "\n---\na\n", None),
        ("a: " + "9" * 19 + "\n", "1:4 a: a number of 19 digits is too large"),
    ],
)
def test_unsupported_yaml_is_refused_with_its_position(text: str, error: str | None) -> None:
    _, errors = read(text)
    if error is None:
        assert len(errors) == 1
        assert errors[0].startswith("1:1 : not valid YAML: ")
    else:
        assert errors == [error]


def test_refused_values_do_not_hide_one_another() -> None:
    _, errors = read("a: *x\nb: !y 1\na: 2\nb: *z\n")
    assert [error.split(" ")[0] for error in errors] == ["1:4", "2:4", "3:1", "4:1", "4:4"]


def test_the_file_may_be_nested_to_the_limit_and_no_deeper() -> None:
    assert read("[" * MAX_DEPTH + "x" + "]" * MAX_DEPTH)[1] == []
    errors = read("[" * 100_000)[1]
    assert len(errors) == 1
    assert errors[0].startswith(f"1:{MAX_DEPTH + 2} [0]")
    assert errors[0].endswith("nested too deeply; at most 32 levels are allowed")


def test_an_empty_file_has_no_value() -> None:
    assert read("") == (None, [])
    assert read("# only a comment\n") == (None, [])


texts = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=8)
plain: st.SearchStrategy[Plain] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@given(plain)
def test_json_is_read_as_the_same_values(value: Plain) -> None:
    assert read(json.dumps(value, ensure_ascii=False)) == (value, [])


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    value, errors = read(text)
    assert value is None or errors or isinstance(value, bool | int | str | list | dict)
