"""Differences of documents (`store.patches`): each makes the new one, and the old one again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failoverdns.model.errors import Corrupt
from failoverdns.store.patches import apply, difference, inverted

SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2)
NAMES = st.sampled_from(["a", "b", "c", "d", "e", "f", "items", "changed", "inserted", "name"])


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    named = st.builds(
        lambda name, rest: {**rest, "name": name}, NAMES, st.dictionaries(NAMES, inner)
    )
    return (
        st.lists(inner, max_size=4)
        | st.dictionaries(NAMES, inner, max_size=4)
        | st.lists(named, max_size=8, unique_by=lambda item: item["name"])
        | st.lists(NAMES, max_size=8, unique=True)
    )


DOCUMENTS = st.recursive(SCALARS, _containers, max_leaves=25)
RELATED = st.permutations(["a", "b", "c", "d", "e", "f", "g"]).flatmap(
    lambda names: st.lists(st.sampled_from(names), unique=True)
)
"""Lists of the same few names, in any order."""


@given(DOCUMENTS, DOCUMENTS)
def test_a_difference_makes_the_new_document_and_the_old_one_again(before: Any, after: Any) -> None:
    """Through JSON, as it is stored; neither document is altered."""
    copies = json.dumps([before, after])
    change = json.loads(json.dumps(difference(before, after)))
    assert apply(before, change) == after
    assert apply(after, inverted(change)) == before
    assert inverted(inverted(change)) == change
    assert json.dumps([before, after]) == copies


@given(RELATED, RELATED, st.integers(0, 3))
def test_named_items_keep_their_order(before: list[str], after: list[str], number: int) -> None:
    old = {"heads": [{"name": name, "value": 0} for name in before]}
    new = {"heads": [{"name": name, "value": number} for name in after]}
    change = difference(old, new)
    assert [h["name"] for h in apply(old, change)["heads"]] == after
    assert [h["name"] for h in apply(new, inverted(change))["heads"]] == before


@given(DOCUMENTS, DOCUMENTS)
def test_a_difference_is_not_much_larger_than_both_documents(before: Any, after: Any) -> None:
    size = len(json.dumps(before)) + len(json.dumps(after))
    assert len(json.dumps(difference(before, after))) <= 4 * size + 60


@given(DOCUMENTS)
def test_equal_documents_have_a_difference_that_does_nothing(document: Any) -> None:
    change = difference(document, json.loads(json.dumps(document)))
    assert apply(document, change) == document


def _application(heads: int) -> dict[str, Any]:
    return {
        "id": "app-1",
        "heads": [
            {"name": f"web{n}", "addresses": [f"10.0.{n // 256}.{n % 256}"]} for n in range(heads)
        ],
    }


@pytest.mark.parametrize("heads", [10, 1000])
def test_the_difference_of_one_head_is_small_whatever_the_size_of_the_application(
    heads: int,
) -> None:
    """Changed in its place, added, removed and moved."""
    before = _application(heads)
    changed, added, removed, moved = (_application(heads) for _ in range(4))
    changed["heads"][5]["observed"] = {"health": "down", "since": 1234.5}
    added["heads"].insert(3, {"name": "new", "addresses": ["10.9.9.9"]})
    del removed["heads"][7]
    moved["heads"].append(moved["heads"].pop(2))
    for after in (changed, added, removed, moved):
        change = difference(before, after)
        assert apply(before, change) == after
        assert len(json.dumps(change)) < 250


@pytest.mark.parametrize(
    ("document", "change"),
    [
        (1, [2, 3]),
        (1, [1]),
        ({"a": 1}, {"changed": {"b": [1, 2]}}),
        ({"a": 1}, {"changed": {"a": [2, 3]}}),
        ({"a": 1}, {"added": {"a": 2}}),
        ({"a": 1}, {"removed": {"a": 2}}),
        ({"a": 1}, {"removed": {"b": None}}),
        ({"a": 1}, {"unheard-of": {}}),
        ({"a": 1}, {"inserted": [[0, 1]]}),
        (["a"], {"inserted": [[2, "b"]]}),
        (["a"], {"deleted": [[1, "b"]]}),
        (["a"], {"deleted": [[0, "b"]]}),
        ([{"name": "a"}], {"items": {"b": [1, 2]}}),
        (["a"], {"items": {}, "deleted": [], "more": 1}),
        ({"a": 1}, {"changed": 1}),
        ([], {"deleted": 1}),
    ],
)
def test_a_difference_that_does_not_fit_is_corrupt(document: Any, change: Any) -> None:
    """A guess would be stored, and read again."""
    with pytest.raises(Corrupt):
        apply(document, change)


@pytest.mark.parametrize("change", [[1], {"x": {}}, {"changed": 1}, {"changed": {"a": [1, 2, 3]}}])
def test_what_is_not_a_difference_cannot_be_inverted(change: Any) -> None:
    with pytest.raises(Corrupt):
        inverted(change)
