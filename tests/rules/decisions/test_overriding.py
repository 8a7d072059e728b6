"""Rules are overridden by name, and only those that a command has."""

from __future__ import annotations

import pytest

from failoverdns.model.errors import Rejected
from failoverdns.rules.decisions.switching import check_override

RULES = ("no-application", "target-empty")


@pytest.mark.parametrize("override", [(), RULES[:1], RULES, RULES[:1] * 2])
def test_any_of_the_rules_may_be_named(override: tuple[str, ...]) -> None:
    check_override(override, RULES)


@pytest.mark.parametrize("name", ["all", "", "Target-Empty", "target_empty"])
def test_nothing_else_may(name: str) -> None:
    with pytest.raises(Rejected) as caught:
        check_override(("target-empty", name), RULES)
    assert (caught.value.code, caught.value.message) == (
        "invalid",
        f"no rule {name!r} to override here: there is 'no-application', 'target-empty'",
    )
