"""The parts that fill a table equal the deltas of all names, byte for byte."""

from __future__ import annotations

from random import Random

import drawn
import samples
from hypothesis import given

from failoverdns.model.change import Delta
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import SetHead
from failoverdns.model.errors import Rejected
from failoverdns.protocol.table.deltas import write_delta, write_nodes
from failoverdns.rules.derived.serving import all_nodes
from failoverdns.rules.derived.view import View
from failoverdns.rules.derived.zones import all_authorities
from failoverdns.workers import full_table as filling

ZONES = (samples.zone(), samples.zone("second.example", negative_ttl=5), *drawn.ALIASED)


def whole_table(view: View) -> bytes:
    """Return the whole table as one delta."""
    return write_delta(Delta(authorities=all_authorities(view))) + write_nodes(all_nodes(view))


@given(drawn.commands(ZONES))
def test_the_parts_of_a_full_table_equal_the_delta_of_all_names(commands: list[Mutation]) -> None:
    """The names of groups are written in a faster way, with the same result."""
    view, random = drawn.start(ZONES[0], *drawn.ALIASED), Random(0)
    for now, command in enumerate(commands):
        try:
            samples.carried_out(view, command, float(now), random)
        except Rejected:
            continue
    assert b"".join(filling.parts(view)) == whole_table(view)


def test_a_group_at_the_apex_is_in_the_parts_as_in_the_delta_of_all_names() -> None:
    """Its hostname is among the names of the zone; one side is a hostname, which is left out."""
    cloud = samples.application("cloud", samples.balancer("lb", hostname="lb.example"), active="lb")
    apex = samples.group("apex", "cloud", "us", label="@", flatten=True)
    shop = samples.group("shop", "us", "cloud")
    view = samples.state(cloud, samples.us(), apex, shop, zones=[ZONES[0], *drawn.ALIASED])
    assert b"".join(filling.parts(view)) == whole_table(view)


def test_the_cached_bytes_of_an_application_are_dropped_when_it_changes() -> None:
    """Parts that are requested after a change contain the change."""
    view = samples.shop()
    parts = filling.parts(view)
    begun = next(parts)
    samples.carried_out(view, SetHead("eu", "lb1", samples.addresses("192.0.2.99")), 0.0, Random(0))
    assert begun + b"".join(parts) == begun + whole_table(view)[len(begun) :]
