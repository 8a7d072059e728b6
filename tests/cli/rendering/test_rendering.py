"""Replies as sentences and tables, whatever the command."""

from __future__ import annotations

from typing import Any

import pytest

from failoverdns.cli import rendering
from failoverdns.control.language.commands import ROWS


def shown(capsys: pytest.CaptureFixture[str], command: str, result: dict[str, Any]) -> str:
    """Return what is printed for a result."""
    rendering.show(command, {"ok": True, "revision": 1, "result": result})
    return capsys.readouterr().out


def test_a_refusal_lists_every_rule() -> None:
    """A line each."""
    error = {
        "code": "refused",
        "message": "nothing was switched",
        "rules": [{"rule": "a", "message": "do x"}, {"rule": "b", "message": "do y"}],
    }
    told = rendering.refusal({"ok": False, "error": error})
    assert told == "refused: nothing was switched\n  a: do x\n  b: do y"


@pytest.mark.parametrize(
    ("command", "result", "text"),
    [
        ("group list", {"groups": []}, "no groups yet: `failoverdns group add NAME"),
        ("application list", {"applications": []}, "no applications yet: `failoverdns application"),
        ("history", {"history": []}, "no changes yet\n"),
        ("history", {"export": [{"a": 1}, {"a": "\u20ac"}]}, '{"a": 1}\n{"a": "\\u20ac"}\n'),
        (
            "history",
            {"verified": True, "changes": 7, "hash": "ab12"},
            "verified: 7 change(s), the last has hash ab12\n",
        ),
        ("application remove", {"removed": "eu"}, "removed eu\n"),
        (
            "group remove",
            {"removed": "shop", "retired": "shop.failover.test"},
            "removed shop; shop.failover.test is retired for ever\n",
        ),
        ("records", {"text": "a. 60 IN A 192.0.2.1\n"}, "a. 60 IN A 192.0.2.1\n"),
    ],
)
def test_nothing_and_little_are_told_in_words(
    capsys: pytest.CaptureFixture[str], command: str, result: dict[str, Any], text: str
) -> None:
    """With what to do next, where there is something."""
    assert text in shown(capsys, command, result)


def test_lists_are_tables_with_the_active_side_marked(capsys: pytest.CaptureFixture[str]) -> None:
    """Also a side without an application, and a group that answers nothing."""
    group = {
        "name": "shop",
        "hostname": "shop.failover.test",
        "ttl": 60,
        "active": "backup",
        "primary": {"application": "eu", "targets": ["192.0.2.1"]},
        "answers": [],
    }
    text = shown(capsys, "group list", {"groups": [group]})
    row = next(line for line in text.splitlines() if "shop.failover.test" in line)
    assert row.split() == ["shop", "shop.failover.test", "60", "eu", "*", "-", "NODATA"]
    assert "192.0.2.1" in text


def test_every_command_has_something_that_prints_its_result() -> None:
    assert rendering.WRITERS.keys() == ROWS.keys()
