"""Errors name their place and fit on one line."""

from __future__ import annotations

import pytest

from failoverdns.config.errors import (
    MOST_WARNINGS,
    ConfigError,
    ConfigErrors,
    FaultReport,
    Place,
    quoted,
)


def test_an_error_reads_file_line_column_path_message() -> None:
    error = ConfigError("a.yaml", 3, 5, "zones.x.ttl", "must be less")
    assert str(error) == "a.yaml:3:5: error: zones.x.ttl: must be less"


def test_an_error_of_the_whole_file_has_no_path() -> None:
    assert str(ConfigError("a.yaml", 1, 1, "", "no such file")) == (
        "a.yaml:1:1: error: no such file"
    )


def test_errors_are_sorted_by_position_not_by_text() -> None:
    late, early = ConfigError("f", 10, 1, "a", "x"), ConfigError("f", 9, 2, "b", "x")
    first = ConfigError("f", 9, 1, "c", "x")
    errors = ConfigErrors([late, early, first])
    assert errors.errors == (first, early, late)
    assert str(errors) == "f:9:1: error: c: x\nf:9:2: error: b: x\nf:10:1: error: a: x"


def test_a_path_joins_keys_with_dots_and_quotes_odd_keys() -> None:
    place = Place(1, 1).of_key("zones").of_key("failover.test").of_key("two words\n")
    assert place.path == 'zones.failover.test."two words\\n"'


def test_text_from_the_file_is_quoted_on_one_line_and_shortened() -> None:
    assert quoted('a "b"\n') == '"a \\"b\\"\\n"'
    assert quoted("x" * 60) == '"' + "x" * 60 + '"'
    assert quoted("x" * 61) == '"' + "x" * 57 + '..."'


def test_a_message_becomes_one_printable_line() -> None:
    report = FaultReport("f")
    report.add(Place(1, 1), "two\nlines and \x1b[31m ")
    with pytest.raises(ConfigErrors) as raised:
        report.raise_if_any()
    assert [e.message for e in raised.value.errors] == ["two\\nlines and \\x1b[31m"]


def test_warnings_are_lines_in_order_and_raise_nothing() -> None:
    faults = FaultReport("c.yaml")
    for line in range(MOST_WARNINGS + 2, 0, -1):
        faults.warn(Place(line, 1, "zones"), "odd")
    faults.raise_if_any()
    lines = faults.warnings()
    assert lines[0] == "c.yaml:1:1: warning: zones: odd"
    assert len(lines) == MOST_WARNINGS + 1
    assert lines[-1] == "c.yaml: and 2 more warnings"


def test_warnings_stand_between_the_errors_that_raise() -> None:
    """So that whoever mends the errors does not meet the warnings afterwards."""
    faults = FaultReport("c.yaml")
    faults.add(Place(3, 1), "wrong")
    faults.warn(Place(2, 1), "odd")
    faults.add(Place(1, 1), "wrong")
    with pytest.raises(ConfigErrors) as raised:
        faults.raise_if_any()
    assert len(raised.value.errors) == 2
    assert raised.value.lines == (
        "c.yaml:1:1: error: wrong",
        "c.yaml:2:1: warning: odd",
        "c.yaml:3:1: error: wrong",
    )
