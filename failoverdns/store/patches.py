"""Differences between two JSON documents, so that history stores what changed and nothing else.

`difference` compares two documents; `apply` makes the second from the first, and `inverted` turns a
difference round, so that the first is made from the second.  A difference is JSON:

| difference                                | of                                            |
|-------------------------------------------|-----------------------------------------------|
| `[old, new]`                              | values that were replaced                     |
| `{"changed": {NAME: difference}, "added": | objects: the members that changed, those that |
| {NAME: value}, "removed": {NAME: value}}` | came and those that went                      |
| `{"items": {NAME: difference}, "inserted":| lists of named things (objects with a `name`, |
| [[INDEX, item]], "deleted": [[INDEX,      | or texts): `INDEX` counts in the new list for |
| item]]}`                                  | `inserted`, in the old one for `deleted`      |

Parts without entries are left out, so `{}` is the difference of equal documents.  An item that
moves within its list is deleted and inserted; the other items keep their order without a mention.
Values are equal as Python compares them: `1` and `1.0` do not differ.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from typing import Any

from failoverdns.model.errors import Corrupt

Difference = list[Any] | dict[str, Any]

_MISSING = object()


def difference(before: Any, after: Any) -> Difference:
    """Return what makes the JSON value `after` from the JSON value `before`."""
    if isinstance(before, dict) and isinstance(after, dict):
        return _of_objects(before, after)
    if isinstance(before, list) and isinstance(after, list):
        old, new = _by_name(before), _by_name(after)
        if old is not None and new is not None:
            return _of_lists(old, new)
    return [before, after]


def apply(before: Any, change: Difference) -> Any:
    """Return the document that `change` makes of `before`, which stays as it is.

    Raises Corrupt if the difference is not one from this document.
    """
    try:
        if isinstance(change, list):
            old, new = change
            if before != old:
                raise Corrupt(f"the value to replace is {_short(before)}, not {_short(old)}")
            return new
        if change.keys() & {"items", "inserted", "deleted"}:
            return _apply_to_list(before, change)
        return _apply_to_object(before, change) if change else before
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as fault:
        raise Corrupt(f"a difference does not fit its document ({fault!r})") from None


def inverted(change: Difference) -> Difference:
    """Return the difference that makes the first document from the second; raises Corrupt."""
    try:
        if isinstance(change, list):
            old, new = change
            return [new, old]
        return {
            _OPPOSITE[part]: {name: inverted(each) for name, each in value.items()}
            if part in ("changed", "items")
            else value
            for part, value in change.items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        raise Corrupt(f"not a difference ({fault!r})") from None


_OPPOSITE = {
    "changed": "changed",
    "added": "removed",
    "removed": "added",
    "items": "items",
    "inserted": "deleted",
    "deleted": "inserted",
}


def _of_objects(before: dict[str, Any], after: dict[str, Any]) -> Difference:
    return _parts(
        changed={
            name: difference(value, after[name])
            for name, value in before.items()
            if name in after and value != after[name]
        },
        added={name: value for name, value in after.items() if name not in before},
        removed={name: value for name, value in before.items() if name not in after},
    )


def _of_lists(before: dict[str, Any], after: dict[str, Any]) -> Difference:
    """Return the difference of two lists, given as dictionaries of their items by name."""
    kept = _in_order(before, after)
    return _parts(
        items={
            name: difference(before[name], after[name])
            for name in kept
            if before[name] != after[name]
        },
        inserted=[[i, item] for i, (name, item) in enumerate(after.items()) if name not in kept],
        deleted=[[i, item] for i, (name, item) in enumerate(before.items()) if name not in kept],
    )


def _in_order(before: dict[str, Any], after: dict[str, Any]) -> dict[str, None]:
    """Return as many names as possible that are in both lists, in the same order."""
    places = {name: place for place, name in enumerate(after)}
    common = [name for name in before if name in places]
    if all(places[a] < places[b] for a, b in pairwise(common)):
        return dict.fromkeys(common)
    # The longest increasing subsequence of places, by patience sorting.
    ends: list[int] = []
    piles: list[list[tuple[str, int]]] = []
    for name in common:
        pile = bisect_left(ends, places[name])
        if pile == len(ends):
            ends.append(0)
            piles.append([])
        ends[pile] = places[name]
        below = len(piles[pile - 1]) - 1 if pile else -1
        piles[pile].append((name, below))
    found: list[str] = []
    index = len(piles[-1]) - 1
    for pile_ in reversed(piles):
        name, index = pile_[index]
        found.append(name)
    return dict.fromkeys(reversed(found))


def _apply_to_object(before: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    if unknown := change.keys() - {"changed", "added", "removed"}:
        raise ValueError(f"unknown parts: {unknown}")
    after = dict(before)
    for name, value in change.get("removed", {}).items():
        if after.pop(name, _MISSING) != value:
            raise Corrupt(f"{_short(name)} is not the value to remove")
    for name, each in change.get("changed", {}).items():
        after[name] = apply(after[name], each)
    for name, value in change.get("added", {}).items():
        if name in after:
            raise Corrupt(f"{_short(name)} is there already")
        after[name] = value
    return after


def _apply_to_list(before: list[Any], change: dict[str, Any]) -> list[Any]:
    if unknown := change.keys() - {"items", "inserted", "deleted"}:
        raise ValueError(f"unknown parts: {unknown}")
    if not isinstance(before, list):
        raise TypeError(f"{_short(before)} is not a list")
    after = list(before)
    for index, item in reversed(change.get("deleted", [])):
        if after[index] != item:
            raise Corrupt(f"item {index} is not the one to delete")
        del after[index]
    if items := change.get("items"):
        waiting = dict(items)
        for place, item in enumerate(after):
            if (each := waiting.pop(_name(item), None)) is not None:
                after[place] = apply(item, each)
        if waiting:
            raise Corrupt(f"there is no item {_short(next(iter(waiting)))}")
    for index, item in change.get("inserted", []):
        if index > len(after):
            raise Corrupt(f"there is no place {index}")
        after.insert(index, item)
    return after


def _by_name(items: list[Any]) -> dict[str, Any] | None:
    """Return the items of a list by name; None if they have none, or not one each."""
    if any(type(item) is not type(items[0]) for item in items):
        return None
    named = {_name(item): item for item in items}
    return named if len(named) == len(items) and None not in named else None  # type: ignore[return-value]


def _name(item: Any) -> str | None:
    name = item.get("name") if isinstance(item, dict) else item
    return name if isinstance(name, str) else None


def _parts(**parts: Any) -> dict[str, Any]:
    return {name: value for name, value in parts.items() if value}


def _short(value: Any) -> str:
    return repr(value)[:60]
