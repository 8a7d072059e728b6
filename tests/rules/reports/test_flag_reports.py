"""Reports about flags."""

from __future__ import annotations

import watched
from samples import carry_out, refusal
from watched import UP

from failoverdns.model.commands.automation import SetFlag
from failoverdns.model.policy import Gate
from failoverdns.rules.reports.flag_reports import flags_report

GATES = (Gate("office", ("*",), flag="open"), Gate("night", ("*",), flag="open"))


def test_flags_that_gates_need_are_listed_even_if_never_set() -> None:
    view = watched.shop(UP, UP, *GATES)
    off = {"on": False, "since": None, "reason": None}
    on = {"on": True, "since": None, "reason": None}
    assert flags_report(view) == [
        {"name": "automation", **on, "gates": []},
        {"name": "open", **off, "gates": ["office", "night"]},
    ]
    carry_out(view, SetFlag("open", False), 5.0)
    carry_out(view, SetFlag("automation", False), 6.0)
    listed = [(flag["name"], flag["on"]) for flag in flags_report(view)]
    assert listed == [("automation", False), ("open", False)]


def test_a_gate_on_another_group_adds_no_flag() -> None:
    """Only the flag of the other gate is listed and suggested."""
    follows = Gate("database", ("shop",), group="db")
    view = watched.shop(UP, UP, follows, GATES[0])
    listed = [(flag["name"], flag["gates"]) for flag in flags_report(view)]
    assert listed == [("automation", []), ("open", ["office"])]
    assert "there is 'open'" in refusal(view, SetFlag("weekday", True)).message


def test_a_gate_on_a_group_belongs_to_no_flag() -> None:
    """No flag without a name is listed, and no flag opens that gate."""
    home = Gate("home", ("*",), group="shop")
    view = watched.shop(UP, UP, home, GATES[0])
    assert [(flag["name"], flag["gates"]) for flag in flags_report(view)] == [
        ("automation", []),
        ("open", ["office"]),
    ]
    only = watched.shop(UP, UP, home)
    assert [flag["name"] for flag in flags_report(only)] == ["automation"]
