"""Refusals have a code, a message and every reason."""

from __future__ import annotations

from failoverdns.model.errors import Rejected, RuleFailure


def test_a_refusal_carries_its_code_its_message_and_every_rule_that_failed() -> None:
    failure = RuleFailure("target-empty", "add a head", "shop")
    refusal = Rejected("refused", "nothing was switched", (failure,))
    assert (refusal.code, refusal.message, refusal.rules) == (
        "refused",
        "nothing was switched",
        (failure,),
    )
    assert str(refusal) == "nothing was switched"
