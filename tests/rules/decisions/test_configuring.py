"""A configuration with a catalog zone: its serial number, and what its name excludes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import samples
from samples import carry_out, group, name, refusal, state, zone

from failoverdns.changes.state import State
from failoverdns.model.catalog import Catalog
from failoverdns.model.commands.groups import AddGroup
from failoverdns.model.commands.server import Configure
from failoverdns.model.zone import UpdateScope
from failoverdns.rules.decisions.record_names import why_reserved
from failoverdns.rules.derived.zones import all_authorities

TEST = zone()
KEY = name("xfr.failover.test")


def catalog(origin: str = "catalog.failover.test", *members: str) -> Catalog:
    """A catalog zone with members, of one key."""
    return Catalog(name(origin), ((KEY, tuple(map(name, members or ("failover.test",)))),))


def configured(view: State, made: Catalog | None, **more: bool) -> int | None:
    """Configure a catalog zone, and return the serial number of `catalog.failover.test`."""
    carry_out(view, Configure((TEST,), catalog=made, **more))
    serial = view.serial(name("catalog.failover.test"))
    return serial.serial if serial is not None else None


def test_the_serial_number_of_the_catalog_rises_when_its_content_changes() -> None:
    """Also when it was away: secondaries would ignore a serial number that they know."""
    view = state(zones=[TEST])
    assert configured(view, None) is None
    first = configured(view, catalog())
    assert first is not None
    assert configured(view, catalog()) == first
    second = configured(view, catalog("catalog.failover.test", "failover.test", "b.test"))
    assert second == first + 1
    assert configured(view, None) == second
    assert configured(view, catalog("other.failover.test")) == second
    assert (
        configured(view, catalog("catalog.failover.test", "failover.test", "b.test")) == first + 2
    )


def test_a_start_after_a_crash_leaves_the_serial_number_of_the_catalog() -> None:
    """Only the configuration changes its content, so none of its serial numbers is lost."""
    view = state(zones=[TEST])
    first = configured(view, catalog())
    assert configured(view, catalog(), may_have_lost=True) == first


def test_the_catalog_is_not_answered() -> None:
    """Everybody could list the zones: its SOA record goes to no answering process."""
    view = state(zones=[TEST])
    before = all_authorities(view)
    assert configured(view, catalog()) is not None
    assert all_authorities(view) == before


@pytest.mark.parametrize("label", ["shop", "primary.shop", "backup.shop"])
def test_the_name_of_a_group_cannot_be_the_catalog(label: str) -> None:
    """Its secondaries would answer with the catalog zone in place of the group."""
    view = state(group(label="shop", primary=None, backup=None), zones=[TEST])
    refused = refusal(view, Configure((TEST,), catalog=catalog(f"{label}.failover.test")))
    assert (refused.code, refused.message) == (
        "in-use",
        f"{label}.failover.test cannot be the catalog zone, because it belongs to group 'shop'",
    )


@pytest.mark.parametrize("origin", ["shop.failover.test", "primary.shop.failover.test"])
def test_a_new_group_cannot_have_the_name_of_the_catalog(origin: str) -> None:
    """It can once there is no catalog of that name any more."""
    view = state(zones=[TEST])
    carry_out(view, Configure((TEST,), catalog=catalog(origin)))
    refused = refusal(view, AddGroup("shop", label="shop"))
    assert (refused.code, refused.message) == (
        "exists",
        "the catalog zone has the name of label 'shop', so secondaries would not answer for the "
        "group: choose another label",
    )
    carry_out(view, Configure((TEST,)))
    carry_out(view, AddGroup("shop", label="shop"))


@pytest.mark.parametrize("owner", ["catalog.failover.test", "a.b.catalog.failover.test"])
def test_no_record_is_stored_in_the_catalog(owner: str) -> None:
    """Secondaries would not answer it."""
    view = state(zones=[TEST])
    assert why_reserved(view, TEST, name(owner)) is None
    configured(view, catalog())
    why = why_reserved(view, TEST, name(owner))
    assert why == (
        f"{owner} is in the catalog zone catalog.failover.test, so secondaries would not answer "
        "it: choose another name"
    )
    assert why_reserved(view, TEST, name("xcatalog.failover.test")) is None


def test_other_access_to_a_zone_raises_no_serial_number() -> None:
    """Who may transfer or update a zone is no part of it; the new terms apply nevertheless."""
    view = state(zones=[TEST])
    carry_out(view, Configure((TEST,)))
    before = view.serial(TEST.origin)
    scope = UpdateScope(KEY, ("*",), frozenset((255,)))
    changed = replace(TEST, secondaries=("ns2",), updates=(scope,))
    assert changed.digest() == TEST.digest()
    _, writes, _ = samples.carried_out(view, Configure((changed,)))
    assert writes == ()
    assert view.serial(TEST.origin) == before
    found = view.zone(TEST.origin)
    assert found is not None
    assert (found.secondaries, found.updates) == (("ns2",), (scope,))
