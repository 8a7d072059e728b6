"""The format that outlives a version: what was ever written can be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from store.test_store import EVERY_KIND, change

from failoverdns.model.change import Operation, Write
from failoverdns.model.errors import Corrupt
from failoverdns.store import documents

GOLDEN = Path(__file__).with_name("golden")


@pytest.mark.parametrize(("schema", "kinds"), [(1, 4), (2, 7), (3, 9)])
def test_documents_of_every_schema_are_read_and_written_the_same(schema: int, kinds: int) -> None:
    """The golden files were written once and are never changed."""
    golden = json.loads((GOLDEN / f"schema-{schema}.json").read_text())
    entities = EVERY_KIND[:kinds]
    assert tuple(documents.read_entity(d) for d in golden["entities"]) == entities
    assert [documents.write_entity(entity) for entity in entities] == golden["entities"]
    whole = change(7, Write(EVERY_KIND[0], None), Write(None, EVERY_KIND[1]), subjects=("app-1",))
    assert documents.read_change(golden["change"]) == whole
    assert documents.write_change(whole) == golden["change"]
    operation = Operation("a-1", '{"command":"switch"}', 7, {"groups": []})
    assert documents.read_operation(golden["operation"]) == operation
    assert documents.write_operation(operation) == golden["operation"]


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
    ],
)
def test_a_document_that_is_not_exactly_right_is_corrupt(document: documents.Document) -> None:
    """A guess would be served."""
    with pytest.raises(Corrupt):
        documents.read_entity(document)


def test_every_entity_has_a_key_of_its_own() -> None:
    """Kind and identity."""
    keys = [documents.key_of(entity) for entity in EVERY_KIND]
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
    ]
