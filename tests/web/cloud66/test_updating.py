"""An update in Cloud 66's shape as commands, in the order that leads no client to an empty side."""

from __future__ import annotations

from typing import Any

import pytest

from failoverdns.model.errors import Rejected
from failoverdns.web.cloud66.updating import Update, plan_update

SHOP: dict[str, Any] = {
    "name": "shop",
    "active": "primary",
    "revision": 7,
    "primary": {"application": "eu"},
    "backup": {"application": "us"},
}
SWITCH = {"command": "switch", "groups": ["shop"], "to": "backup", "if_revision": 7}
BOTH = ["active-side", "target-empty"]


def group_set(**fields: Any) -> dict[str, Any]:
    return {"command": "group set", "name": "shop", **fields}


@pytest.mark.parametrize(
    ("attach", "to", "update"),
    [
        pytest.param({}, None, Update(), id="nothing"),
        pytest.param({"primary": "eu"}, "primary", Update(), id="what is there already"),
        pytest.param({"backup": "asia"}, None, Update(after=group_set(backup="asia")), id="attach"),
        pytest.param({}, "backup", Update(switch=SWITCH), id="switch"),
        pytest.param(
            {"backup": "asia"},
            "backup",
            Update(
                trial=group_set(backup="asia", override=BOTH, dry_run=True),
                before=group_set(backup="asia"),
                switch=SWITCH,
                undo=group_set(backup="us"),
            ),
            id="attach to the other side, and switch",
        ),
        pytest.param(
            {"primary": ""},
            "backup",
            Update(
                trial=group_set(primary="", override=BOTH, dry_run=True),
                switch=SWITCH,
                after=group_set(primary=""),
            ),
            id="switch, and detach from this side",
        ),
        pytest.param(
            {"primary": "", "backup": ""},
            None,
            Update(after=group_set(primary="", backup="", override=["active-side"])),
            id="detach both",
        ),
        pytest.param(
            {"primary": ""}, None, Update(after=group_set(primary="")), id="detach the active one"
        ),
    ],
)
def test_the_commands_of_an_update(attach: dict[str, str], to: str | None, update: Update) -> None:
    assert plan_update(SHOP, attach, to) == update


def test_each_command_gets_the_rules_that_it_knows_and_the_reason() -> None:
    rules = ("active-side", "target-empty", "target-down")
    update = plan_update(SHOP, {"primary": ""}, "backup", rules, "drill")
    assert update.switch == {
        **SWITCH,
        "override": ["target-empty", "target-down"],
        "reason": "drill",
    }
    assert update.after == group_set(primary="", override=BOTH, reason="drill")


def test_a_switch_to_a_side_that_is_detached_is_refused() -> None:
    with pytest.raises(Rejected, match="secondary_stack_uid is empty"):
        plan_update(SHOP, {"backup": ""}, "backup")
