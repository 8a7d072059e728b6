"""Replies of all commands as sentences and tables."""

from __future__ import annotations

from typing import Any

import pytest

from failoverdns.cli import rendering
from failoverdns.control.language.commands import ROWS

RRSET = {"zone": "x", "name": "w.x", "type": "A", "ttl": 60, "data": ["192.0.2.1"]}


def shown(capsys: pytest.CaptureFixture[str], command: str, result: dict[str, Any]) -> str:
    """Return the text printed for a result."""
    rendering.show(command, {"ok": True, "revision": 1, "result": result})
    return capsys.readouterr().out


def test_a_refusal_lists_every_rule() -> None:
    """Each rule has its own line."""
    error = {
        "code": "refused",
        "message": "nothing was switched",
        "rules": [{"rule": "a", "message": "do x"}, {"rule": "b", "message": "do y"}],
    }
    text = rendering.refusal({"ok": False, "error": error})
    assert text == "refused: nothing was switched\n  a: do x\n  b: do y"


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
            "application remove",
            {"removed": "eu", "warnings": ["one", "two"]},
            "removed eu\n  warning: one\n  warning: two\n",
        ),
        (
            "group remove",
            {"removed": "shop", "retired": "shop.failover.test"},
            "removed shop; shop.failover.test is retired for ever\n",
        ),
        (
            "group remove",
            {"removed": "shop", "hostname": "shop.example", "retired": None},
            "removed shop; shop.example may get another group\n",
        ),
        ("record list", {"records": []}, "no stored records: `failoverdns record add ZONE"),
        (
            "record add",
            {"zone": "x", "changed": False, "records": [], "removed": []},
            "x: these records are stored already; nothing was changed\n",
        ),
        (
            "record add",
            {
                "zone": "x",
                "changed": True,
                "records": [{**RRSET, "hidden": None}, {**RRSET, "hidden": "there is another"}],
                "removed": [],
                "warnings": ["odd"],
            },
            "w.x 60 IN A 192.0.2.1: served\n"
            "w.x 60 IN A 192.0.2.1: stored, and not served: there is another\n"
            "  warning: odd\n",
        ),
        (
            "record remove",
            {"zone": "x", "changed": True, "dry_run": True, "records": [], "removed": [RRSET]},
            "w.x A 192.0.2.1: would be removed\n",
        ),
        ("record list", {"records": [{**RRSET, "hidden": "why"}]}, "192.0.2.1   why"),
        ("records", {"text": "a. 60 IN A 192.0.2.1\n"}, "a. 60 IN A 192.0.2.1\n"),
    ],
)
def test_empty_lists_and_short_results_are_printed_as_sentences(
    capsys: pytest.CaptureFixture[str], command: str, result: dict[str, Any], text: str
) -> None:
    """The sentence for an empty list may name the next command."""
    assert text in shown(capsys, command, result)


def test_lists_are_tables_with_the_active_side_marked(capsys: pytest.CaptureFixture[str]) -> None:
    """The table also shows a side without an application, and a group that answers NODATA."""
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


def test_the_result_of_every_command_can_be_printed() -> None:
    assert rendering.WRITERS.keys() == ROWS.keys()
