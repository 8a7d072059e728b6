"""Pre-flight checks: whether a switch of a group would succeed, and its clients keep working.

| check         | fails when                               | warns when                        |
|---------------|------------------------------------------|-----------------------------------|
| `application` | none is attached to that side            |                                   |
| `targets`     | it has no web head, or its hostname      | its hostname has no addresses in  |
|               | leads back to the group: `target-loop`   | a zone here, or no host can be    |
|               |                                          | called so; a zone whose alias is  |
|               |                                          | the group would answer no address |
| `health`      | it is down: rule `target-down`           | its health is unknown             |
| `safety`      | a safety rule forbids it                 |                                   |
| `policy`      |                                          | it can never switch the group, or |
|               |                                          | switches at the wrong time        |
| `certificate` | rule `certificate-names` or              |                                   |
|               | `certificate-expired` fails              |                                   |
| `names`       | the certificate lacks names that the     | it lacks the group's own hostname |
|               | active one has                           |                                   |
| `chain`       | clients refuse it                        | some clients refuse it            |
| `key`         | the key does not belong to the           |                                   |
|               | certificate, or cannot be decrypted      |                                   |
| `expiry`      | it is expired                            | it is due for renewal             |
| `order`       |                                          | there is one; the message says    |
|               |                                          | what a switch does with it        |
| `hooks`       |                                          | some are required before a        |
|               |                                          | switch: they are not run here     |

Names, chain, key and expiry are reported only if there is a certificate, order and hooks only if
there are any.  What the vault has, and how clients judge its chain, is an argument.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from failoverdns.model.application import Application, target_texts
from failoverdns.model.certificate import Certificate, Facts, Order, covers
from failoverdns.model.change import Json
from failoverdns.model.commands.groups import Preflight
from failoverdns.model.errors import Malformed
from failoverdns.model.group import Group
from failoverdns.model.health import Health
from failoverdns.model.hostnames import target_hostname
from failoverdns.model.moment import Moment
from failoverdns.model.rule_names import PreflightRule
from failoverdns.model.timestamps import timestamp
from failoverdns.rules.decisions.switching import (
    SwitchProposal,
    order_writes,
    plan,
)
from failoverdns.rules.decisions.transferring import TransferResult
from failoverdns.rules.derived.active_side import side_condition
from failoverdns.rules.derived.entity_lookup import find_group
from failoverdns.rules.derived.health import why_down
from failoverdns.rules.derived.obstacles import report_of
from failoverdns.rules.derived.renewing import renew_at
from failoverdns.rules.derived.targets import application_on, dark_apexes, target_of, why_empty
from failoverdns.rules.derived.trails import dead_end, group_loop
from failoverdns.rules.derived.view import View
from failoverdns.rules.derived.web_heads import pointed_at

OK, WARNING, FAILED = "ok", "warning", "failed"

_BUILT_IN = frozenset(PreflightRule)
"""Every rule except the safety rules of the configuration."""


@dataclass(frozen=True, slots=True)
class Flight:
    """A switch that is only proposed, and the certificate that the new active side would have.

    `order` says what would happen to an order in progress; None if there is none.
    """

    group: Group
    proposal: SwitchProposal
    certificate: Certificate | None
    order: str | None = None


@dataclass(frozen=True, slots=True)
class Soundness:
    """A certificate's facts as clients see them now, and what is wrong with it.

    `key_fault` says what is wrong with its key, None if nothing is; `chain_faults` are the reasons
    why clients refuse its chain.
    """

    facts: Facts
    key_fault: str | None = None
    chain_faults: tuple[str, ...] = ()


def plan_flight(view: View, query: Preflight, moment: Moment) -> Flight:
    """Propose the switch to the other side, or to `query.to`; raises Rejected `not-found`.

    For a group that is on that side already, the present situation is checked.
    """
    group = find_group(view, query.group)
    (proposal,) = plan(view, [group], query.to, moment)
    application = application_on(view, proposal.after, proposal.after.active)
    certificate = view.certificate(application.id) if application is not None else None
    if proposal.transfer is not None:
        certificate = proposal.transfer.certificate
    return Flight(group, proposal, certificate, _order_after(view, proposal))


def preflight_report(
    view: View,
    flight: Flight,
    now: float,
    soundness: Soundness | None,
    *,
    asks_hooks: bool = False,
) -> dict[str, Json]:
    """Return every check of a flight with its result, as the reply to `preflight`.

    `now` in seconds since 1970; `soundness` is that of the flight's certificate, None without one;
    `asks_hooks` is true if there are hooks that must succeed before a switch.
    """
    checks: list[dict[str, Json]] = []

    def note(check: str, result: str, message: str) -> None:
        checks.append({"check": check, "result": result, "message": message})

    proposal = flight.proposal
    _note_targets(view, proposal, note)
    _note_safety(view, proposal, note)
    for text in report_of(view, flight.group):
        note("policy", WARNING, text)
    _note_certificate(view, flight, note)
    if flight.certificate is not None:
        _note_names(view, flight, flight.certificate, note)
        _note_soundness(soundness or Soundness(flight.certificate.facts), now, note)
    if flight.order is not None:
        note("order", WARNING, flight.order)
    if asks_hooks and proposal.before != proposal.after:
        rule = PreflightRule.BEFORE_SWITCH
        text = f"a switch runs the hooks with before_switch, and is refused by {rule} if one fails"
        note("hooks", WARNING, f"{text}: they are not run here")
    return {
        "group": proposal.after.name,
        "to": proposal.after.active.value,
        "changed": proposal.before != proposal.after,
        "passed": all(check["result"] != FAILED for check in checks),
        "checks": list(checks),
    }


Note = Callable[[str, str, str], None]


def _note_targets(view: View, proposal: SwitchProposal, note: Note) -> None:
    side = proposal.after.active
    application = application_on(view, proposal.after, side)
    if application is None:
        note("application", FAILED, f"no application is attached to the {side.value} side")
        return
    note("application", OK, application.name)
    targets = ", ".join(target_texts(target_of(view, proposal.after, side)))
    loop = group_loop(view, proposal.after, side)
    doubt = _odd_hostname(application) or dead_end(view, application)
    if not targets or loop is not None:
        note("targets", FAILED, loop or f"it {why_empty(view, proposal.after, side)[0]}")
        return
    if doubt is not None:
        note("targets", WARNING, doubt)
    else:
        note("targets", OK, targets)
    for text in dark_apexes(view, proposal.after):
        note("targets", WARNING, text)


def _odd_hostname(application: Application) -> str | None:
    """Return why no host can be called as the target is, which earlier versions took; or None."""
    hostname = pointed_at(application)
    try:
        if hostname is not None:
            target_hostname(hostname.to_text())
    except Malformed as fault:
        return f"{hostname} cannot be the name of a host: {fault}"
    return None


def _note_safety(view: View, proposal: SwitchProposal, note: Note) -> None:
    """Note the health of the side to switch to, and the safety rules that fail."""
    side = proposal.after.active
    application = application_on(view, proposal.after, side)
    health = side_condition(view, proposal.after, side).health
    if application is not None and (application.checks or health is not Health.UNKNOWN):
        by_health = {Health.UP: OK, Health.UNKNOWN: WARNING, Health.DOWN: FAILED}
        why = why_down(application) if health is Health.DOWN else ""
        note("health", by_health[health], why or f"the {side.value} is {health.value}")
    for failure in proposal.failures:
        if failure.rule not in _BUILT_IN:
            note("safety", FAILED, f"{failure.rule}: {failure.message}")


def _note_certificate(view: View, flight: Flight, note: Note) -> None:
    """Note which certificate the side would have, or why it would have none."""
    transfer, certificate = flight.proposal.transfer, flight.certificate
    before = flight.proposal.before
    former = application_on(view, before, before.active)
    if transfer is not None and transfer.problems:
        note("certificate", FAILED, "; ".join(problem for _, problem in transfer.problems))
    elif certificate is None and before == flight.proposal.after:
        note("certificate", OK, "it has none")
    elif certificate is None and former is not None and view.certificate(former.id) is not None:
        text = "the active side has one, and there is no application to transfer it to"
        note("certificate", WARNING, text)
    elif certificate is None:
        note("certificate", OK, "neither side has one: nothing to transfer")
    elif transfer is None:
        note("certificate", OK, "its own")
    else:
        sentence = {
            TransferResult.TRANSFERRED: "will be transferred from the active side",
            TransferResult.PRESENT: "the same as on the active side",
            TransferResult.KEPT: "its own, because the active side's is expired",
        }
        note("certificate", OK, sentence.get(transfer.outcome, "its own"))


def _note_names(view: View, flight: Flight, certificate: Certificate, note: Note) -> None:
    """Note which names of the active certificate, and the hostname, are missing."""
    active = application_on(view, flight.proposal.before, flight.proposal.before.active)
    former = view.certificate(active.id) if active is not None else None
    relied_on = set(former.facts.names) if former is not None else set()
    missing = sorted(name for name in relied_on if not covers(certificate.facts.names, name))
    hostname = flight.group.hostname.to_text()
    if missing:
        note("names", FAILED, f"it is not valid for {', '.join(missing)}")
    elif not covers(certificate.facts.names, hostname):
        text = f"it is not valid for {hostname}: fine if clients only use other names"
        note("names", WARNING, text)
    else:
        note("names", OK, ", ".join(certificate.facts.names))


def _note_soundness(soundness: Soundness, now: float, note: Note) -> None:
    facts, key_fault = soundness.facts, soundness.key_fault
    about = f"{facts.length} certificate(s), issued by {facts.issuer}"
    if soundness.chain_faults:
        note("chain", FAILED, "; ".join(soundness.chain_faults))
    else:
        note("chain", WARNING if facts.warnings else OK, "; ".join(facts.warnings) or about)
    note("key", FAILED if key_fault else OK, key_fault or f"{facts.key_type}, matches")
    until = f"valid until {timestamp(facts.not_after)}"
    if facts.not_after <= now:
        note("expiry", FAILED, f"expired at {timestamp(facts.not_after)}")
    elif renew_at(facts) <= now:
        note("expiry", WARNING, f"{until}, which is soon")
    else:
        note("expiry", OK, until)


def _order_after(view: View, proposal: SwitchProposal) -> str | None:
    """Return what happens to an order of the active side, or of the side to switch to; or None."""
    former, newly_active = (
        application_on(view, group, group.active) for group in (proposal.before, proposal.after)
    )
    if newly_active is None:
        return None
    own = view.order_for(newly_active.id)
    if former is None or former == newly_active or view.order_for(former.id) is None:
        return (
            None if own is None else "its own order is in progress, and continues when it is active"
        )
    for write in order_writes(view, [proposal]):
        if isinstance(write.after, Order) and write.after.application == newly_active.id:
            return "the active side's order would move along, and its certificate be installed here"
        if write.after is None:
            return "the active side's order would be dropped: this side has its own order"
    if proposal.transfer is not None and proposal.transfer.outcome is TransferResult.NAMES_DIFFER:
        return "the active side's order would wait: it is for other names"
    return "the active side's order stays there: its application is active in another group too"
