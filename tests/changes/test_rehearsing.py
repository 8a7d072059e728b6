"""A rehearsal changes nothing, and reports exactly what the switch would change."""

from __future__ import annotations

from random import Random
from typing import Any

import drawn
import pytest
import samples
import watched
from hypothesis import example, given, settings
from hypothesis import strategies as st
from samples import HOSTNAME, carry_out, name, refusal
from watched import DOWN, UP

from failoverdns.changes.draft import Draft
from failoverdns.changes.rehearsing import MOST_RECORDS, rehearsal
from failoverdns.changes.state import State
from failoverdns.changes.transitions import transition_of
from failoverdns.model.change import Node
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.automation import AdvancePlan
from failoverdns.model.commands.groups import Rehearse, Switch
from failoverdns.model.errors import Rejected
from failoverdns.model.group import Side
from failoverdns.model.moment import Moment
from failoverdns.model.names import DomainName
from failoverdns.model.policy import Gate, Wait
from failoverdns.model.principal import unix_principal
from failoverdns.rules.deciding import decide
from failoverdns.rules.reports.events import events_of
from failoverdns.workers import full_table

ZONES = (samples.zone(), samples.zone("second.example"))
T = 1_800_000_000.0
WHO = unix_principal(0, 1, "pytest")


def rehearsed(view: State, query: Rehearse | None = None, now: float = T) -> Any:
    """Return the rehearsal of a switch of `shop`."""
    return rehearsal(view, query or Rehearse("shop"), Moment(now, now))


def test_a_rehearsal_at_an_apex_leaves_out_the_other_records_of_the_zone() -> None:
    """An alias of another zone is shown too, because it changes in the same step."""
    zones = [samples.zone(), samples.zone("shop.example", alias=name("failover.test"))]
    shop = samples.group(label="@", flatten=True)
    found = rehearsed(samples.state(samples.eu(), samples.us(), shop, zones=zones))
    assert sorted(text for text in found["records"] if "_status" not in text) == [
        "failover.test. 60 IN A 198.51.100.1",
        "shop.example. 60 IN A 198.51.100.1",
    ]
    assert sorted(found["zones"]) == ["failover.test", "shop.example"]


def test_a_rehearsal_shows_every_change_of_the_switch() -> None:
    view = samples.state(
        samples.eu(), samples.us(), samples.group(), samples.certificate("eu", not_after=T + 1e7)
    )
    found = rehearsed(view)
    assert found.pop("certificate")["outcome"] == "transferred"
    assert sorted(found.pop("records")) == [
        f"{HOSTNAME}. 60 IN A 198.51.100.1",
        '_status.eu.failover.test. 60 IN TXT "offline"',
        '_status.us.failover.test. 60 IN TXT "online"',
    ]
    assert found == {
        "group": "shop",
        "to": "backup",
        "would_succeed": True,
        "rules": [],
        "changed": [
            {
                "kind": "group",
                "name": "shop",
                "id": "grp-shop",
                "done": "changed",
                "fields": {"active": ["primary", "backup"]},
            },
            {
                "kind": "certificate",
                "name": "us",
                "id": "app-us",
                "done": "created",
                "fields": {
                    "fingerprint": [None, "61".ljust(64, "0")],
                    "names": [None, ["www.shop.example"]],
                    "kind": [None, "custom"],
                    "not_after": [None, "2027-05-11T01:46:40.000Z"],
                    "transferred_from": [None, "eu"],
                },
            },
            {
                "kind": "role",
                "name": "eu",
                "done": "changed",
                "id": "app-eu",
                "fields": {"role": ["online", "offline"]},
            },
            {
                "kind": "role",
                "name": "us",
                "done": "changed",
                "id": "app-us",
                "fields": {"role": ["offline", "online"]},
            },
        ],
        "answers": [["192.0.2.1"], ["198.51.100.1"]],
        "drained_at": "2027-01-15T08:01:00.000Z",
        "names": 3,
        "events": ["certificate us", "switch shop", "role eu", "role us"],
        "zones": ["failover.test"],
    }


def test_a_rehearsal_names_the_rules_that_refuse_and_shows_what_overriding_them_would_do() -> None:
    view = watched.shop(UP, DOWN, Wait("calm", ("*",), 60.0), Gate("never", ("*",), flag="never"))
    found = rehearsed(view)
    assert (found["would_succeed"], [r["rule"] for r in found["rules"]]) == (False, ["target-down"])
    assert found["answers"] == [["192.0.2.1"], ["198.51.100.1"]]
    overridden = rehearsed(view, Rehearse("shop", override=("target-down",)))
    assert (overridden["would_succeed"], overridden["rules"]) == (True, [])


def test_a_rehearsal_to_the_active_side_shows_no_changes() -> None:
    assert rehearsed(samples.shop(), Rehearse("shop", Side.PRIMARY)) == {
        "group": "shop",
        "to": "primary",
        "would_succeed": True,
        "rules": [],
        "changed": [],
        "records": [],
        "events": [],
    }


def test_a_name_that_would_have_no_records_is_shown_as_nodata() -> None:
    view = samples.state(samples.eu(), samples.group(backup=None))
    assert rehearsed(view)["records"][0] == f"{HOSTNAME}. NODATA"


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        (Rehearse("shpo"), "not-found", "no group 'shpo'; did you mean 'shop'?"),
        (Rehearse("shop", override=("calm",)), "invalid", "no rule 'calm' to override here"),
    ],
)
def test_an_unknown_group_or_rule_is_refused(query: Rehearse, code: str, message: str) -> None:
    with pytest.raises(Rejected) as refused:
        rehearsed(samples.shop(), query)
    assert refused.value.code == code
    assert message in refused.value.message


def test_a_rehearsal_limits_the_shown_records_and_counts_all_changed_names() -> None:
    zones = [samples.zone(f"z{number}.example") for number in range(MOST_RECORDS)]
    view = samples.state(
        samples.eu(), samples.us(), samples.group(), zones=[samples.zone(), *zones]
    )
    found = rehearsed(view)
    assert len(found["records"]) == MOST_RECORDS
    assert found["names"] == 1 + 2 * (MOST_RECORDS + 1)
    assert len(found["zones"]) == MOST_RECORDS + 1


A_PLAN_WHOSE_TTL_IS_LOWERED: list[Mutation] = [
    Switch(("shop",), at=8.0),
    AdvancePlan("grp-shop"),
]
"""The switch ends the plan, so names whose records stay the same get their usual TTL back."""


@settings(max_examples=60)
@example(A_PLAN_WHOSE_TTL_IS_LOWERED, None)
@given(drawn.commands(ZONES), st.none() | st.sampled_from(Side))
def test_after_any_commands_a_rehearsal_changes_nothing_and_reports_what_the_switch_does(
    commands: list[Mutation], to: Side | None
) -> None:
    view, random, now = drawn.start(ZONES[0]), Random(0), 0.0
    for at, command in enumerate(commands):
        now = float(at)
        try:
            samples.carried_out(view, command, now, random)
        except Rejected:
            continue
    for group in list(view.groups()):
        before = served(view)
        found = rehearsed(view, Rehearse(group.name, to), now)
        assert served(view) == before
        rules = tuple(rule["rule"] for rule in found["rules"])
        switch = Switch((group.name,), to)
        if rules:
            assert [f.rule for f in refusal(view, switch, now).rules] == list(rules)
        switch = Switch((group.name,), to, override=rules)
        draft = Draft(view)
        decision = decide(draft, switch, Moment(now, now), Random(0))
        (report,) = decision.report(draft)["groups"]
        assert report["to"] == found["to"]
        if not decision.writes:
            assert (found["changed"], found["records"]) == ([], [])
            continue
        change = transition_of(draft, decision, now, WHO, {"command": "switch"}).change
        assert change is not None
        assert found["changed"] == [dict(part) for part in change.changed]
        events = [f"{event.kind.value} {event.subject}" for event in events_of(change)]
        assert found["events"] == events
        assert found["answers"][1] == report["targets"]
        assert found["drained_at"] == report["drained_at"]
        assert found["certificate"] == report["certificate"]
        names = names_that_differ(before, served(draft))
        records = {record.split()[0].rstrip(".") for record in found["records"]}
        assert found["names"] == len(names)
        assert records == {owner for owner in names if name(owner) in served(draft)[1]}
        carry_out(view, switch, now)


def served(view: State | Draft) -> tuple[int, dict[DomainName, Node], list[bytes], list[object]]:
    """Return what a view serves, with TTLs, and its entities."""
    parts = list(full_table.parts(view))
    entities = [*view.groups(), *view.applications(), *view.certificates(), *view.orders()]
    return view.revision, samples.node_table(view), parts, entities


def names_that_differ(before: Any, after: Any) -> set[str]:
    """Return the names whose records or TTLs differ."""
    old, new = before[1], after[1]
    return {owner.to_text() for owner in {*old, *new} if old.get(owner) != new.get(owner)}
