"""Whether a name exists is what the table knows of it."""

from __future__ import annotations

import pytest
import samples
from samples import HOSTNAME, LABEL, group, name, state, tombstone

from failoverdns.model.former_name import FormerName
from failoverdns.model.zone import Reveal
from failoverdns.protocol.table.python_table import PythonTable
from failoverdns.rules.derived.static_names import exists
from failoverdns.rules.derived.trails import End, trail_of
from failoverdns.workers.full_table import parts

NAMES = [
    *("failover.test", "ns1.failover.test", "nothing.failover.test", "x.nothing.failover.test"),
    *(HOSTNAME, f"primary.{HOSTNAME}", f"backup.{HOSTNAME}", f"x.{HOSTNAME}"),
    *("gone.failover.test", "primary.gone.failover.test", "x.gone.failover.test"),
    *("eu.failover.test", "old.failover.test", "x.old.failover.test", "www.failover.test"),
    *("ent.failover.test", "deep.ent.failover.test", "*.failover.test", "x.ent.failover.test"),
]


@pytest.mark.parametrize(
    "reveal", [Reveal(), Reveal(sides=False), Reveal(status=False)], ids=["all", "sides", "status"]
)
@pytest.mark.parametrize(
    "owners",
    [[], ["*"], ["www", "deep.ent"], ["*", "www", "deep.ent", "old"], [f"*.{LABEL}", "*.gone"]],
    ids=" ".join,
)
def test_a_name_exists_if_the_table_has_it(owners: list[str], reveal: Reveal) -> None:
    """With everything that makes names exist: groups, markers, statuses, records below a name."""
    records = tuple(samples.text_record(f"{owner}.failover.test") for owner in owners)
    zone = samples.zone(records=records, reveal=reveal)
    view = state(
        *(samples.eu(), samples.us(), group(), tombstone("gone"), FormerName("old")), zones=[zone]
    )
    table = PythonTable()
    for part in parts(view):
        table.apply(part)
    found = {text: exists(view, zone, name(text)) for text in NAMES}
    assert found == {text: table.find(name(text).wire) is not None for text in NAMES}


def test_a_hidden_side_and_a_retired_label_lead_nowhere() -> None:
    zone = samples.zone(reveal=Reveal(sides=False))
    view = state(samples.eu(), samples.us(), group(), tombstone("gone"), zones=[zone])
    assert trail_of(view, name(f"backup.{HOSTNAME}")).end is End.MISSING
    assert trail_of(view, name("gone.failover.test")).end is End.MISSING
    assert trail_of(samples.shop(), name(f"backup.{HOSTNAME}")).end is End.ADDRESSES
    wild = samples.zone(records=(samples.text_record("*.failover.test"),))
    view = state(tombstone("gone"), zones=[wild])
    assert trail_of(view, name("gone.failover.test")).end is End.EMPTY
