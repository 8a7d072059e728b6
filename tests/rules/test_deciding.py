"""The entry point to the rules: a command leads to a decision."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
import samples

from failoverdns.model.commands import Mutation
from failoverdns.model.commands.groups import AddGroup, Switch
from failoverdns.model.moment import Moment
from failoverdns.rules.deciding import DECISIONS, decide
from failoverdns.rules.decisions.decision import Decision


def leaves(kind: type[Mutation]) -> Iterator[type[Mutation]]:
    """Yield the classes below a class that have no further ones below them."""
    for below in kind.__subclasses__():
        yield from leaves(below) if below.__subclasses__() else (below,)


MUTATIONS = list({kind.__name__: kind for kind in leaves(Mutation)}.values())
# A dataclass with slots is made of a class without them, which may still be there.


def test_every_command_that_changes_the_state_has_a_decision() -> None:
    assert set(DECISIONS) == set(MUTATIONS)


@pytest.mark.parametrize("command", MUTATIONS, ids=lambda command: command.__name__)
def test_every_decision_takes_the_state_the_command_the_moment_and_randomness(
    command: type[Any],
) -> None:
    function = inspect.unwrap(DECISIONS[command])
    signature = inspect.signature(function, eval_str=True)
    taken = [parameter.annotation for parameter in signature.parameters.values()]
    assert taken[1:] == [command, Moment, Random]
    assert signature.return_annotation is Decision


def test_a_switch_is_made_now_or_planned_if_it_has_a_time() -> None:
    moment = Moment(1000.0, 1000.0)
    now = decide(samples.shop(), Switch(("shop",)), moment, Random(0))
    later = decide(samples.shop(), Switch(("shop",), at=5000.0), moment, Random(0))
    assert [write.after.active.value for write in now.writes] == ["backup"]
    assert [write.after.active.value for write in later.writes] == ["primary"]
    assert [write.after.automation.plan.at for write in later.writes] == [5000.0]


def test_the_same_randomness_draws_the_same_label() -> None:
    """A decision depends on its arguments only."""
    moment = Moment(0.0, 0.0)
    first, again, other = (
        decide(samples.shop(), AddGroup("new"), moment, Random(seed)).writes for seed in (1, 1, 2)
    )
    assert first == again != other
