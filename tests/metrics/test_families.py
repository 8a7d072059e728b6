"""The table of metrics follows Prometheus' conventions, and is what the documents show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from failoverdns.metrics.families import FAMILIES, Family, Kind

PROJECT = Path(__file__).parents[2]
DOCUMENT = (PROJECT / "docs" / "http.md").read_text()

LITERAL = {
    "queries_total": ("transport", "rcode"),
    "group_active": ("group", "side"),
    "group_health": ("group", "side"),
    "switches_total": ("group", "to", "by"),
    "refused_total": ("rule",),
    "certificate_not_after_timestamp_seconds": ("application",),
    "secondary_lag_seconds": ("secondary", "zone"),
    "store_last_contact_timestamp_seconds": (),
}
"""Metrics whose names and labels users rely on."""


def test_names_that_users_rely_on_stay() -> None:
    found = {family.name: set(family.labels) for family in FAMILIES}
    assert {name: found[name] for name in LITERAL} == {n: set(ls) for n, ls in LITERAL.items()}
    assert "build" in found  # failoverdns_build_info


def test_no_name_is_there_twice() -> None:
    names = [family.full_name.removesuffix("_total") for family in FAMILIES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_name_follows_the_conventions(family: Family) -> None:
    """Counters end in _total; times since 1970 in _timestamp_seconds; help is a sentence."""
    assert re.fullmatch(r"failoverdns_[a-z][a-z0-9_]*", family.full_name)
    assert family.name.endswith("_total") == (family.kind is Kind.COUNTER)
    assert family.kind is not Kind.HISTOGRAM or family.name.endswith("_seconds")
    assert family.help.endswith(".")
    assert "since 1970" not in family.help
    is_time = any(place in family.place for place in ("started", "not_after", "last_contact"))
    assert is_time == family.name.endswith("_timestamp_seconds")


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_the_document_lists_each_metric(family: Family) -> None:
    """`docs/http.md` has a row with its name, labels, type and help."""
    name = family.full_name + ("_info" if family.kind is Kind.INFO else "")
    labels = ", ".join(f"`{label}`" for label in family.labels)
    assert f"| `{name}` | {labels} | {family.kind.value} | {family.help} |" in DOCUMENT


def test_the_document_lists_no_other_metric() -> None:
    rows = re.findall(r"^\| `(failoverdns_\w+)`", DOCUMENT, re.MULTILINE)
    known = {
        family.full_name + ("_info" if family.kind is Kind.INFO else "") for family in FAMILIES
    }
    assert set(rows) == known
    assert len(rows) == len(known)
