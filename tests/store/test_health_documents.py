"""Health and automation as documents: written documents are read again, others are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import balancer, eu, group, server

from failoverdns.model.application import Application, Head
from failoverdns.model.entity import Entity
from failoverdns.model.errors import Corrupt
from failoverdns.model.group import Group, Side
from failoverdns.model.health import Cause, Forced, Health, Observed
from failoverdns.model.policy import Automation, Flag, Held, Maintenance, Plan
from failoverdns.store import documents

TIMES = st.floats(0.0, 2e9) | st.just(0.0)
TEXTS = st.none() | st.text(max_size=5)
NAMES = st.text("abc-.", min_size=1, max_size=5)
LISTS = st.lists(NAMES, max_size=3).map(tuple)
SIDES = st.sampled_from([side.value for side in Side])
OBSERVED = st.builds(
    Observed,
    st.sampled_from(Health),
    TIMES,
    st.none() | st.sampled_from(Cause),
    st.text(max_size=5),
)
FORCED = st.none() | st.builds(Forced, st.sampled_from(Health), TIMES, TEXTS)
QUORUMS = st.sampled_from(["any", "all", 1, 2, 1000])
HEADS = st.lists(
    st.builds(
        lambda head, observed, forced: replace(head, observed=observed, forced=forced),
        st.sampled_from([balancer("lb1", "192.0.2.1"), server("web1", hostname="a.example")]),
        st.none() | OBSERVED,
        FORCED,
    ),
    max_size=2,
).map(tuple)


def _application(heads: tuple[Head, ...], **fields: Any) -> Application:
    return replace(eu(), heads=heads, **fields)


APPLICATIONS = st.builds(
    _application,
    HEADS,
    checks=LISTS,
    require_checks=QUORUMS,
    require_heads=QUORUMS,
    forced=FORCED,
    emptied_at=st.none() | TIMES,
    unchecked_at=st.none() | TIMES,
)
AUTOMATIONS = st.builds(
    Automation,
    st.none() | NAMES,
    st.none() | st.builds(Maintenance, TIMES, TEXTS),
    st.none() | TIMES,
    st.lists(TIMES, max_size=3).map(tuple),
    st.none() | st.builds(Held, SIDES, LISTS, TIMES),
    st.none()
    | st.builds(Plan, TIMES, SIDES, st.integers(0, 86400), st.none() | TIMES, LISTS, TEXTS),
    st.booleans(),
)
GROUPS = st.builds(lambda automation: group(automation=automation), AUTOMATIONS)
FLAGS = st.builds(Flag, NAMES, st.booleans(), TIMES, TEXTS)


@given(APPLICATIONS | GROUPS | FLAGS)
def test_a_written_document_is_read_again(entity: Entity) -> None:
    """Over JSON text; writing the entity again gives the same document."""
    document = documents.write_entity(entity)
    read = documents.read_entity(json.loads(json.dumps(document)))
    assert read == entity
    assert json.dumps(documents.write_entity(read)) == json.dumps(document)


def test_an_entity_without_health_checks_or_automation_has_no_fields_for_them() -> None:
    assert documents.write_entity(eu()).keys() == {
        "kind",
        "id",
        "name",
        "hostname_template",
        "heads",
        "active",
    }
    assert "automation" not in documents.write_entity(group())


OBSERVATION = {"health": "down", "since": 5.0, "cause": "refused", "detail": "port 80"}
FORCING = {"health": "up", "since": 5.0, "reason": None}
PLAN = {
    "at": 5.0,
    "to": "backup",
    "pre_ttl": 10,
    "lowered_at": None,
    "override": ["calm"],
    "reason": None,
}
HELD = {"to": "backup", "reasons": ["calm"], "since": 5.0}


def head(**fields: Any) -> dict[str, Any]:
    """Return an application's document, with these fields added to its only head."""
    document = documents.write_entity(eu())
    (only,) = document["heads"]
    return {**document, "heads": [{**only, **fields}]}


def application(**fields: Any) -> dict[str, Any]:
    """Return an application's document with these fields added."""
    return {**documents.write_entity(eu()), **fields}


def automated(**fields: Any) -> dict[str, Any]:
    """Return a group's document with these fields of automation."""
    return {**documents.write_entity(group()), "automation": fields}


FLAG = {"kind": "flag", "name": "open", "on": True, "since": 5.0, "reason": None}


@pytest.mark.parametrize(
    "document",
    [
        head(observed=OBSERVATION, forced=FORCING),
        application(checks=["web"], require_checks="any", require_heads=2, forced=FORCING),
        automated(policy="auto", switched_at=5.0, automatic=[4.0, 5.0], held=HELD, plan=PLAN),
        automated(maintenance={"since": 5.0, "reason": "disk"}),
        FLAG,
    ],
)
def test_valid_documents_are_read(
    document: documents.Document,
) -> None:
    documents.read_entity(document)


@pytest.mark.parametrize(
    "document",
    [
        head(more=1),
        head(observed={}),
        head(observed=[]),
        head(observed={**OBSERVATION, "more": 1}),
        head(observed={**OBSERVATION, "health": "ill"}),
        head(observed={**OBSERVATION, "cause": "weather"}),
        head(observed={**OBSERVATION, "since": "today"}),
        head(observed={**OBSERVATION, "detail": None}),
        head(observed={k: v for k, v in OBSERVATION.items() if k != "cause"}),
        head(forced={**FORCING, "more": 1}),
        head(forced={**FORCING, "health": None}),
        head(forced={**FORCING, "since": None}),
        head(forced={**FORCING, "reason": 5}),
        head(forced={k: v for k, v in FORCING.items() if k != "reason"}),
        application(more=1),
        application(checks="web"),
        application(checks=[5]),
        application(checks=None),
        application(require_checks="most"),
        application(require_heads=0),
        application(require_heads=True),
        application(require_heads=1.5),
        application(forced="up"),
        automated(more=1),
        automated(policy=5),
        automated(by_hand=1),
        automated(switched_at="5"),
        automated(automatic=5.0),
        automated(automatic=["5"]),
        automated(maintenance={"since": 5.0}),
        automated(maintenance={"since": None, "reason": None}),
        automated(maintenance={"since": 5.0, "reason": None, "more": 1}),
        automated(maintenance="on"),
        automated(held={**HELD, "to": "both"}),
        automated(held={**HELD, "reasons": "calm"}),
        automated(held={**HELD, "more": 1}),
        automated(plan={**PLAN, "to": None}),
        automated(plan={**PLAN, "at": None}),
        automated(plan={**PLAN, "pre_ttl": "10"}),
        automated(plan={**PLAN, "override": None}),
        automated(plan={**PLAN, "more": 1}),
        automated(plan={k: v for k, v in PLAN.items() if k != "lowered_at"}),
        {**documents.write_entity(group()), "automation": None},
        {**documents.write_entity(group()), "automation": []},
        {**FLAG, "on": "yes"},
        {**FLAG, "since": None},
        {**FLAG, "name": 5},
        {**FLAG, "reason": 5},
        {**FLAG, "more": 1},
        {k: v for k, v in FLAG.items() if k != "reason"},
    ],
)
def test_an_invalid_document_is_corrupt(document: documents.Document) -> None:
    """A guess might be served in DNS or cause a switch."""
    with pytest.raises(Corrupt):
        documents.read_entity(document)


def test_a_flag_has_a_key_of_its_own() -> None:
    assert documents.key_of(Flag("open", True, 0.0)) == "flag/open"


def test_groups_without_automation_share_one_object() -> None:
    """A million groups without automation need no memory for it."""
    read = documents.read_entity(json.loads(json.dumps(documents.write_entity(group()))))
    assert isinstance(read, Group)
    assert read.automation is group().automation
