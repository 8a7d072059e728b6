"""Commands by which operators control automation: maintenance and flags."""

from __future__ import annotations

import samples
import watched
from samples import carried_out, carry_out, refusal
from watched import DOWN, UP, the_group

from failoverdns.model.commands.automation import SetFlag, SetMaintenance
from failoverdns.model.commands.server import Configure
from failoverdns.model.policy import Automation, Flag, Gate, Held, Maintenance

GATES = (Gate("office", ("*",), flag="open"), Gate("night", ("*",), flag="open"))


def test_maintenance_is_reported_with_its_reason_and_start() -> None:
    view = watched.shop()
    result = carry_out(view, SetMaintenance("shop", True, "disk swap"), 5.0)
    assert result == {
        "group": "shop",
        "maintenance": True,
        "since": "1970-01-01T00:00:05.000Z",
        "reason": "disk swap",
    }
    assert the_group(view).automation.maintenance == Maintenance(5.0, "disk swap")
    assert carry_out(view, SetMaintenance("shop", False), 6.0) == {
        "group": "shop",
        "maintenance": False,
        "since": None,
        "reason": None,
    }
    assert the_group(view).automation.maintenance is None


def test_maintenance_that_is_on_already_keeps_its_start() -> None:
    view = watched.shop()
    carry_out(view, SetMaintenance("shop", True, "disk swap"), 5.0)
    assert carried_out(view, SetMaintenance("shop", True), 6.0)[1] == ()
    assert carried_out(view, SetMaintenance("shop", True, "disk swap"), 6.0)[1] == ()
    carry_out(view, SetMaintenance("shop", True, "and memory"), 7.0)
    assert the_group(view).automation.maintenance == Maintenance(5.0, "and memory")


def test_ending_maintenance_that_is_not_on_changes_nothing() -> None:
    automation = Automation("auto", held=Held("backup", ("calm",), 1.0))
    view = watched.watched([samples.group(automation=automation)])
    assert carried_out(view, SetMaintenance("shop", False), 5.0)[1] == ()


def test_maintenance_changes_neither_the_answers_nor_the_revision_of_a_group() -> None:
    view = watched.shop(DOWN, UP)
    _, _, delta = carried_out(view, SetMaintenance("shop", True), 5.0)
    assert (delta.nodes, delta.removed) == ((), ())
    assert the_group(view).revision == 3


def test_maintenance_of_an_unknown_group_is_refused() -> None:
    assert refusal(watched.shop(), SetMaintenance("shpo", True)).message == (
        "no group 'shpo'; did you mean 'shop'?"
    )


def test_a_flag_is_turned_on_and_off() -> None:
    view = watched.shop(UP, UP, *GATES)
    assert carry_out(view, SetFlag("open", True, "monday"), 5.0) == {
        "name": "open",
        "on": True,
        "since": "1970-01-01T00:00:05.000Z",
        "reason": "monday",
        "gates": ["office", "night"],
    }
    assert view.flag("open") == Flag("open", True, 5.0, "monday")
    carry_out(view, SetFlag("open", False), 6.0)
    assert view.flag("open") == Flag("open", False, 6.0)


def test_a_flag_that_no_gate_needs_is_refused() -> None:
    """The name is probably mistyped; a flag whose gate was removed can still be turned off."""
    view = watched.shop(UP, UP, *GATES)
    refused = refusal(view, SetFlag("opne", True))
    assert (refused.code, refused.message) == (
        "not-found",
        "no flag 'opne' that a gate needs; did you mean 'open'?",
    )
    carry_out(view, SetFlag("open", True), 5.0)
    carry_out(view, Configure((samples.zone(),), watched.settings()))
    assert carry_out(view, SetFlag("open", False), 6.0)["gates"] == []


def test_a_flag_that_does_not_change_keeps_its_start() -> None:
    view = watched.shop(UP, UP, *GATES)
    carry_out(view, SetFlag("open", True, "monday"), 5.0)
    for same in (SetFlag("open", True), SetFlag("open", True, "monday")):
        report, writes, _ = carried_out(view, same, 6.0)
        assert writes == ()
        assert report["since"] == "1970-01-01T00:00:05.000Z"
    carry_out(view, SetFlag("open", True, "tuesday"), 7.0)
    assert view.flag("open") == Flag("open", True, 5.0, "tuesday")


def test_automation_is_on_until_it_is_frozen_and_thawed_again() -> None:
    view = watched.shop()
    report, writes, _ = carried_out(view, SetFlag("automation", True), 5.0)
    assert (writes, report["on"], report["since"]) == ((), True, None)
    carry_out(view, SetFlag("automation", False, "network works"), 6.0)
    assert view.flag("automation") == Flag("automation", False, 6.0, "network works")
    carry_out(view, SetFlag("automation", True), 7.0)
    assert view.flag("automation") == Flag("automation", True, 7.0)


def test_a_flag_appears_in_the_history() -> None:
    (part,) = samples.changed_by(watched.shop(UP, UP, *GATES), SetFlag("open", True, "monday"))
    assert (part["kind"], part["name"], part["done"]) == ("flag", "open", "created")
    assert part["fields"] == {"on": [None, True], "reason": [None, "monday"]}
