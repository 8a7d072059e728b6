"""The command table: zones, and the secondaries that transfer them."""

from __future__ import annotations

from typing import Final

from failoverdns.control.language import values
from failoverdns.control.language.rows import CommandRow, Parameter
from failoverdns.model.commands.secondaries import ListSecondaries, ListZones, NotifyZone
from failoverdns.model.roles import Role

ROWS: Final = (
    CommandRow(
        "zone list",
        "List zones, and which of their secondaries are in step.",
        (),
        ListZones,
        role=Role.VIEWER,
        reads=True,
    ),
    CommandRow(
        "zone notify",
        "Notify the secondaries of one zone, or of all.",
        (Parameter("zone", "only this zone", values.zone, "ZONE", position=True),),
        NotifyZone,
        "zone notify failover.example",
        role=Role.OPERATOR,
    ),
    CommandRow(
        "secondary list",
        "List secondaries, and why they are behind.",
        (),
        ListSecondaries,
        role=Role.VIEWER,
        reads=True,
    ),
)
"""Every command about zones and secondaries."""
