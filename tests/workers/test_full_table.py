"""What fills a table is what all names say, byte for byte, in parts."""

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

ZONES = (samples.zone(), samples.zone("second.example", negative_ttl=5))


def told(view: View) -> bytes:
    """Return all that is served as one delta."""
    return write_delta(Delta(authorities=all_authorities(view))) + write_nodes(all_nodes(view))


@given(drawn.commands(ZONES))
def test_the_parts_are_all_names_as_they_are_told_otherwise(commands: list[Mutation]) -> None:
    """The names of groups are written another way; nobody can tell."""
    view, random = drawn.start(ZONES[0]), Random(0)
    for now, command in enumerate(commands):
        try:
            samples.carried_out(view, command, float(now), random)
        except Rejected:
            continue
    assert b"".join(filling.parts(view)) == told(view)


def test_what_is_written_of_an_application_is_forgotten_when_it_changes() -> None:
    """Parts that are taken after a change are of after the change."""
    view = samples.shop()
    parts = filling.parts(view)
    begun = next(parts)
    samples.carried_out(view, SetHead("eu", "lb1", samples.addresses("192.0.2.99")), 0.0, Random(0))
    assert begun + b"".join(parts) == begun + told(view)[len(begun) :]
