"""Secondaries that are behind are recorded, and forgotten with the configuration."""

from __future__ import annotations

from dataclasses import replace

import samples
from corridors import ORIGIN, ZONE, Corridor

from failoverdns.changes.state import State
from failoverdns.model.commands.secondaries import NoteBehind, NoteInStep
from failoverdns.model.commands.server import Configure
from failoverdns.model.secondaries import BehindSecondary

FOUND = BehindSecondary("ns2", ORIGIN, 1000.0, "it does not answer")
FOLLOWED = replace(ZONE, secondaries=("ns2",))


def behind(view: State) -> list[BehindSecondary]:
    return list(view.entities(BehindSecondary))


def corridor() -> Corridor:
    made = Corridor()
    made.do(Configure((FOLLOWED,)))
    made.do(NoteBehind((FOUND,)))
    return made


def test_a_secondary_that_is_behind_is_recorded_once() -> None:
    made = corridor()
    revision = made.ledger.state.revision
    made.do(NoteBehind((replace(FOUND, since=2000.0),)))
    assert behind(made.ledger.state) == [FOUND]
    assert made.ledger.state.revision == revision


def test_one_that_is_in_step_again_is_forgotten() -> None:
    made = corridor()
    made.do(NoteInStep((("ns2", ORIGIN), ("ns9", ORIGIN))))
    assert behind(made.ledger.state) == []


def test_one_that_is_not_configured_is_not_recorded() -> None:
    made = corridor()
    made.do(NoteBehind((replace(FOUND, secondary="ns9"), replace(FOUND, zone=samples.name("x")))))
    assert behind(made.ledger.state) == [FOUND]


def test_a_reload_without_the_secondary_forgets_it() -> None:
    made = corridor()
    made.do(Configure((ZONE,)))
    assert behind(made.ledger.state) == []


def test_it_does_not_raise_the_serial_of_the_zone() -> None:
    made = corridor()
    before = made.ledger.state.serial(ORIGIN)
    made.do(NoteInStep((("ns2", ORIGIN),)))
    assert made.ledger.state.serial(ORIGIN) == before
