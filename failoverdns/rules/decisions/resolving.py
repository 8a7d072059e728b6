"""Decisions on internal commands that record and delete answers for flattened hostnames."""

from __future__ import annotations

from random import Random

from failoverdns.model.change import Write
from failoverdns.model.commands.server import ForgetAnswers, LearnAnswer
from failoverdns.model.moment import Moment
from failoverdns.model.resolution import Freshness, Resolved
from failoverdns.rules.decisions.decision import Decision, row
from failoverdns.rules.derived.resolving import wanted
from failoverdns.rules.derived.view import View


def learn_answer(view: View, command: LearnAnswer, moment: Moment, _random: Random) -> Decision:
    """Record the answer of the resolvers for a hostname; only different addresses are stored."""
    before, fresh = view.resolved(command.hostname), view.freshness(command.hostname)
    answer = command.answer
    writes: list[Write] = []
    if answer.is_good:
        ipv4 = answer.ipv4 if answer.ipv4 is not None else before.ipv4 if before else ()
        ipv6 = answer.ipv6 if answer.ipv6 is not None else before.ipv6 if before else ()
        if before is None or (before.ipv4, before.ipv6) != (ipv4, ipv6):
            writes.append(Write(before, Resolved(command.hostname, ipv4, ipv6, moment.now)))
    checked_at = moment.now if answer.is_good else fresh.checked_at if fresh is not None else None
    after = Freshness(command.hostname, command.ttl, checked_at, answer.problem)
    writes.append(Write(fresh, after))
    return Decision(tuple(writes), lambda _: {"hostname": command.hostname.to_text()})


def forget_answers(
    view: View, command: ForgetAnswers, _moment: Moment, _random: Random
) -> Decision:
    """Delete the answers for those of the hostnames that no group and no alias needs."""
    needed = set(wanted(view))
    writes: list[Write] = []
    for hostname in command.hostnames:
        if hostname not in needed:
            found = (view.resolved(hostname), view.freshness(hostname))
            writes += [Write(entity, None) for entity in found if entity is not None]
    return Decision(tuple(writes), lambda _: {})


DECISIONS = (
    row(LearnAnswer, learn_answer),
    row(ForgetAnswers, forget_answers),
)
"""The commands that this module decides on."""
