"""The CNAME records that customers' names need: looked up before the CA is asked to validate.

A CA allows few failed validations, and says little about their reason.  So the challenges of an
order are looked up through the configured `resolvers` while they are served, and the order fails
here, with the record to add, where it is certain that the CA would not find them.

| the resolvers see                           | then                                         |
|---------------------------------------------|----------------------------------------------|
| the value                                   | the CA is asked                              |
| no CNAME record, or one that leads away     | the order fails, and is tried again later    |
| nothing certain, or they do not answer      | the CA is asked                              |
| the same as at each of the last attempts    | the CA is asked: it may see another DNS      |
| nothing, because there are no `resolvers`   | the CA is asked                              |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from failoverdns.issuing.effects import IssuingEffects
from failoverdns.issuing.problems import AcmeProblem
from failoverdns.model.certificate import Order
from failoverdns.model.errors import Rejected
from failoverdns.model.names import DomainName
from failoverdns.model.resolution import ChallengeSight, SeenChallenge
from failoverdns.model.zone import CHALLENGE_LABEL
from failoverdns.rules.decisions.ordering import KEPT_FAILURES
from failoverdns.rules.derived.apex import is_answered_here
from failoverdns.rules.derived.challenges import base_name, challenge_owners, record_for
from failoverdns.rules.derived.view import View

MAX_NAMED = 5
"""Records to add that a message names."""


async def check_delegations(
    effects: IssuingEffects, order: Order, asked: Sequence[tuple[str, str]]
) -> None:
    """Look up the challenges of an order for customers' names; they have to be served already.

    `asked` are the names that the CA wants to validate, each with the value that it expects.
    Raises AcmeProblem, which is not final, with the records to add.
    """
    state = effects.state()
    values: dict[DomainName, set[str]] = {}
    for name, value in asked:
        base = base_name(name)
        if not is_answered_here(state, base):
            values.setdefault(base, set()).add(value)
    if not values:
        return
    served = {owner for base in values for owner in challenge_owners(state, base)}
    wanted = [(base.child(CHALLENGE_LABEL), found) for base, found in values.items()]
    if not effects.has_resolvers():
        effects.log(f"order {order.id} is not looked up beforehand: `resolvers` is not set")
        return
    seen: list[SeenChallenge] = await effects.in_thread(
        lambda: effects.look_up(wanted, served.__contains__)
    )
    together = dict(zip(values, seen, strict=True))
    for base, sight in together.items():
        if sight.sight is ChallengeSight.UNKNOWN:
            effects.log(f"{base.child(CHALLENGE_LABEL)} is not certain: {sight.detail}")
    faults = list(_faults(effects.state(), order, together))
    if not faults:
        return
    text = "; ".join(faults[:MAX_NAMED])
    if len(faults) > MAX_NAMED:
        text += f"; and {len(faults) - MAX_NAMED} more names"
    if order.failures >= KEPT_FAILURES:
        effects.log(f"the CA is asked all the same, because it may see another DNS: {text}")
        return
    raise AcmeProblem(f"the CA was not asked, because the resolvers see: {text}")


def explained(state: View, order: Order, problem: AcmeProblem, *, looked_up: bool) -> AcmeProblem:
    """Return the problem of a failed validation, with the records that customers' names need.

    `looked_up` is true if there are resolvers to look them up beforehand.
    """
    records = []
    for name in problem.names:
        try:
            base = base_name(name)
            if not is_answered_here(state, base):
                records.append(record_for(state, order.application, base))
        except Rejected:
            continue
    if not records:
        return problem
    lines = ", ".join(f"`{record}`" for record in records[:MAX_NAMED])
    text = f"{problem.message}; names of other zones need a CNAME record: {lines}"
    if not looked_up:
        text += "; set `resolvers`, and it is looked up before the CA is asked"
    return AcmeProblem(text, problem.retry_after, problem.names, problem.code)


def _faults(state: View, order: Order, together: dict[DomainName, SeenChallenge]) -> Iterator[str]:
    for base, seen in together.items():
        owner = base.child(CHALLENGE_LABEL)
        try:
            record = record_for(state, order.application, base)
        except Rejected:
            continue
        if seen.sight is ChallengeSight.MISSING:
            yield f"{owner} has no CNAME record: add `{record}`"
        elif seen.sight is ChallengeSight.ELSEWHERE and seen.wildcard is not None:
            yield (
                f"the wildcard {seen.wildcard} leads {owner} to {seen.target}: add `{record}` "
                "beside it"
            )
        elif seen.sight is ChallengeSight.ELSEWHERE:
            yield f"{owner} leads to {seen.target}: put `{record}` in its place"
