"""Stored documents: those that any older version wrote can be read."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from store.test_store import CERTIFICATE, CUT, EVERY_KIND, change

from failoverdns.model.application import Application, Head, HeadRole
from failoverdns.model.change import Operation, Write
from failoverdns.model.errors import Corrupt
from failoverdns.model.group import Group, Side
from failoverdns.model.names import DomainName
from failoverdns.model.principal import token_principal, tsig_principal, unix_principal
from failoverdns.store import documents

GOLDEN = Path(__file__).with_name("golden")
HEAD = {"name": "lb", "role": "load-balancer", "hostname": None, "addresses": ["192.0.2.1"]}
APPLICATION = documents.write_entity(
    Application("app-1", "eu", None, (Head("lb", HeadRole.LOAD_BALANCER),), "lb")
)
WHOLE = change(7, Write(EVERY_KIND[0], None), Write(None, EVERY_KIND[1]), subjects=("app-1",))
"""The change of the golden files; that of schema 5 also renames an application."""

RENAMED = documents.write_entity(replace(EVERY_KIND[9], name="sky"))

GROUP = documents.write_entity(
    Group("grp-1", "shop", DomainName.from_text("a"), "x", "app-1", None, Side.PRIMARY, 60, 1)
)


@pytest.mark.parametrize(("schema", "kinds"), [(1, 4), (2, 7), (3, 9), (4, 12), (5, 13)])
def test_documents_of_every_schema_are_read_and_written_the_same(schema: int, kinds: int) -> None:
    """The golden files were written once and are never changed."""
    golden = json.loads((GOLDEN / f"schema-{schema}.json").read_text())
    entities = (*EVERY_KIND[:12], CUT)[:kinds]
    assert tuple(documents.read_entity(d) for d in golden["entities"]) == entities
    assert [documents.write_entity(entity) for entity in entities] == golden["entities"]
    assert documents.read_entry(golden["change"]) == WHOLE.entry
    sides = documents.undone(golden["change"], {"application/app-watched": RENAMED}.get)
    assert [documents.read_entity(side or {}) for side in (sides[0][1], sides[1][2])] == [
        WHOLE.writes[0].before,
        WHOLE.writes[1].after,
    ]
    operation = Operation("a-1", '{"command":"switch"}', 7, {"groups": []})
    assert documents.read_operation(golden["operation"]) == operation
    assert documents.write_operation(operation) == golden["operation"]


def test_a_change_names_its_principal() -> None:
    """One of version 0.1.0 has only the process, and is read and written without a name."""
    named = replace(WHOLE, principal=unix_principal(1000, 4711, "pytest", "alice"))
    document = documents.write_change(named)
    assert document["who"] == {
        "uid": 1000,
        "pid": 4711,
        "command": "pytest",
        "principal": "unix:alice(1000)",
    }
    assert documents.read_entry(document) == named.entry
    assert named.principal.key == WHOLE.principal.key == "unix:1000"
    assert "principal" not in documents.write_change(WHOLE)["who"]
    assert unix_principal(1000, 4711, "pytest").text == "unix:1000", "a user without a name"


def test_a_change_is_written_as_what_differs() -> None:
    """The golden file holds the form of schema 5."""
    golden = json.loads((GOLDEN / "schema-5.json").read_text())
    renamed = replace(EVERY_KIND[9], name="sky")
    whole = replace(WHOLE, writes=(*WHOLE.writes, Write(EVERY_KIND[9], renamed)))
    assert documents.write_change(whole) == golden["change"]


@pytest.mark.parametrize("schema", range(1, 6))
def test_a_change_of_every_schema_can_be_done_and_undone_again(schema: int) -> None:
    golden = json.loads((GOLDEN / f"schema-{schema}.json").read_text())
    watched = documents.write_entity(EVERY_KIND[9])
    before = {"application/app-1": APPLICATION, "application/app-watched": watched}
    after = {**before, **documents.redone(golden["change"], before.get)}
    assert after["application/app-1"] is None
    assert after["group/grp-2"] == documents.write_entity(EVERY_KIND[1])
    sides = documents.undone(golden["change"], after.get)
    assert [key for key, _, _ in sides][:2] == ["application/app-1", "group/grp-2"]
    for key, old, new in sides:
        assert new == after[key]
        assert old == (documents.write_entity(EVERY_KIND[0]) if "app-1" in key else before.get(key))


@pytest.mark.parametrize(
    "patch", [{}, {"key": 1, "more": 1}, {"key": "flag/x", "difference": {"added": {"on": True}}}]
)
def test_a_patch_that_does_not_fit_is_corrupt(patch: documents.Document) -> None:
    with pytest.raises(Corrupt):
        documents.undone({"patches": [patch]}, lambda _: None)
    with pytest.raises(Corrupt):
        documents.redone({"patches": [patch]}, lambda _: None)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"kind": "unheard-of"},
        {"kind": "tombstone", "zone": "a..b", "label": "x", "group": "y"},
        {"kind": "tombstone", "zone": "a", "label": "x"},
        {"kind": "tombstone", "zone": "a", "label": "x", "group": "y", "more": 1},
        {"kind": "application", "id": "a", "name": "a", "heads": [{"name": "x"}], "active": None},
        {"kind": "group", "zone": None},
        {**APPLICATION, "more": 1},
        {name: value for name, value in APPLICATION.items() if name != "active"},
        {**APPLICATION, "heads": [{"name": "x", "role": "y", "hostname": None, "addresses": []}]},
        {**APPLICATION, "heads": [{**HEAD, "addresses": ["192.0.2.256"]}]},
        {**APPLICATION, "heads": [{**HEAD, "addresses": ["2001:db8::g"]}]},
        {**APPLICATION, "heads": [{**HEAD, "addresses": [1]}]},
        {**GROUP, "more": 1},
        {**GROUP, "flatten": True, "more": 1},
        {name: value for name, value in GROUP.items() if name != "drained_at"},
        {**GROUP, "active": "both"},
        {**GROUP, "active": []},
        {**GROUP, "primary": 1},
    ],
)
def test_an_invalid_document_is_corrupt(document: documents.Document) -> None:
    """A guess might be served in DNS."""
    with pytest.raises(Corrupt):
        documents.read_entity(document)


@pytest.mark.parametrize(
    "text",
    [
        "192.0.2.1",
        "0.0.0.0",
        "2001:db8::1",
        "::",
        "::ffff:192.0.2.1",
        "1:2:3:4:5:6:7:8",
        "fe80::1%7",
    ],
)
def test_every_address_is_read_as_it_was_written(text: str) -> None:
    address = ip_address(text)
    head = Head("lb", HeadRole.LOAD_BALANCER, (address,))
    entity = Application("app-1", "eu", None, (head,), "lb")
    read = documents.read_entity(documents.write_entity(entity))
    assert read == entity
    assert isinstance(read, Application)
    assert type(read.heads[0].addresses[0]) is type(address)


def test_entities_share_equal_parts() -> None:
    """This saves 50 MiB for a million groups that share ten thousand applications."""

    def parsed(document: documents.Document) -> Any:
        return documents.read_entity(json.loads(json.dumps(document)))

    application, other, group = parsed(APPLICATION), parsed(APPLICATION), parsed(GROUP)
    assert group.primary is application.id
    assert group.zone is parsed(GROUP).zone
    assert application.active is application.heads[0].name
    assert application.heads[0] is other.heads[0]


def test_every_entity_has_its_own_key() -> None:
    """A key is the kind and the identity."""
    keys = [documents.key_of(entity) for entity in (*EVERY_KIND, CUT)]
    assert keys == [
        "application/app-1",
        "group/grp-2",
        "tombstone/failover.test/old",
        "zone/failover.test",
        "certificate/app-1",
        "order/ord-5",
        "account/https://ca.example/directory",
        "resolved/lb.cloud.example",
        "group/grp-3",
        "application/app-watched",
        "group/grp-watched",
        "flag/office",
        "former-name/shop-old",
        "records/failover.test/www.failover.test",
        "token/abcdefghi2",
        "token/abcdefghi3",
        "cut/history",
    ]


def test_stored_records_keep_their_document() -> None:
    """The golden file was written once and is never changed."""
    golden = json.loads((GOLDEN / "records.json").read_text())
    assert documents.read_entity(golden) == EVERY_KIND[13]
    assert json.loads(json.dumps(documents.write_entity(EVERY_KIND[13]))) == golden


@pytest.mark.parametrize(
    "change",
    [
        {"owner": "www.other.example"},
        {"rrsets": {}},
        {"rrsets": {"1": {"ttl": 60, "data": []}}},
        {"rrsets": {"1": {"ttl": "60", "data": ["wAACAQ=="]}}},
        {"rrsets": {"1": {"ttl": 60, "data": ["not base64"]}}},
        {"rrsets": {"A": {"ttl": 60, "data": ["wAACAQ=="]}}},
        {"rrsets": {"1": {"ttl": 60}}},
        {"rrsets": {"1": {"ttl": 60, "data": ["wAACAQ=="], "more": 1}}},
        {"more": 1},
    ],
)
def test_a_damaged_document_of_stored_records_is_not_read(change: dict[str, Any]) -> None:
    golden = json.loads((GOLDEN / "records.json").read_text())
    with pytest.raises(Corrupt, match="not an entity of this version"):
        documents.read_entity({**golden, **change})


def test_the_warnings_of_a_certificate_are_stored_only_if_there_are_any() -> None:
    """A certificate of an earlier version keeps its document, and with it its history."""
    assert "warnings" not in documents.write_entity(CERTIFICATE)["facts"]
    odd = replace(CERTIFICATE, facts=replace(CERTIFICATE.facts, warnings=("it is odd",)))
    written = json.loads(json.dumps(documents.write_entity(odd)))
    assert documents.read_entity(written) == odd


def test_tokens_keep_their_documents() -> None:
    """The golden file was written once and is never changed: of a role, and of a head."""
    golden = json.loads((GOLDEN / "tokens.json").read_text())
    assert tuple(documents.read_entity(each) for each in golden) == EVERY_KIND[14:16]
    written = [documents.write_entity(each) for each in EVERY_KIND[14:16]]
    assert json.loads(json.dumps(written)) == golden


@pytest.mark.parametrize(
    "change",
    [
        {"check": "d" * 63},
        {"check": "d" * 66},
        {"check": "x" * 64},
        {"check": None},
        {"role": "root"},
        {"groups": 1},
        {"head": {"application": "app-1"}},
        {"head": {"application": "app-1", "name": "lb1", "more": 1}},
        {"more": 1},
    ],
)
def test_a_damaged_document_of_a_token_is_not_read(change: dict[str, Any]) -> None:
    golden = json.loads((GOLDEN / "tokens.json").read_text())
    with pytest.raises(Corrupt, match="not an entity of this version"):
        documents.read_entity({**golden[0], **change})


def test_a_change_names_the_token_that_made_it() -> None:
    """By its id too, because another one may get its name later; a key of TSIG has only a name."""
    made = replace(WHOLE, principal=token_principal("abcdefghi2", "deploy-bot", "2001:db8::7"))
    document = documents.write_change(made)
    assert document["who"] == {
        "address": "2001:db8::7",
        "principal": "token:deploy-bot",
        "token": "abcdefghi2",
    }
    assert documents.read_entry(document) == made.entry
    assert made.principal.key == "token:abcdefghi2"
    assert made.principal.origin == "token:deploy-bot from 2001:db8::7"
    signed = replace(WHOLE, principal=tsig_principal("acme.example", "192.0.2.7"))
    document = documents.write_change(signed)
    assert document["who"] == {"address": "192.0.2.7", "principal": "tsig:acme.example"}
    assert documents.read_entry(document) == signed.entry
