"""What is known of secondaries: in step, behind, silent, or unknown, and since when."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
import samples

from failoverdns.changes.state import State
from failoverdns.following.standings import NOT_ASKED, Reported, Standings, read_report
from failoverdns.model.errors import Malformed
from failoverdns.model.moment import Moment
from failoverdns.model.names import DomainName
from failoverdns.model.secondaries import BehindSecondary
from failoverdns.model.settings import ListenAddress, SecondarySettings
from failoverdns.model.zone import Zone, ZoneSerial

ORIGIN = samples.name("failover.test")
CATALOG = samples.name("catalog.test")
PAIR = ("ns2", ORIGIN)
KEY = samples.name("xfr.failover.test")


def secondary(name: str = "ns2", host: str = "198.51.100.53") -> SecondarySettings:
    return SecondarySettings(name, ListenAddress(ip_address(host), 53), KEY)


def at(now: float) -> Moment:
    """Return a moment; the wall clock is 1000 s ahead of the steady one."""
    return Moment(now + 1000, now)


def zone(*names: str, ttl: int = 60) -> Zone:
    return samples.zone(ttl=ttl, secondaries=names)


def view(serial: int, *others: Any) -> State:
    return State(1, [ZoneSerial(ORIGIN, serial, ""), *others], (zone("ns2"),))


def reported(serial: int | None, ours: int | None = None, **fields: Any) -> Reported:
    known: dict[str, Any] = {"seen_at": 1000.0, "problem": None, "silent_since": None}
    known |= {"notified_at": None, **fields}
    present = ours if ours is not None else serial or 0
    return Reported(present, serial, **known)


def standings(*zones: Zone, catalog: DomainName | None = None) -> Standings:
    """Return standings of ns2, which has the zone, since the time 0."""
    made = Standings()
    made.configure(zones or (zone("ns2"),), (secondary(),), catalog, at(0))
    return made


def test_before_the_first_report_nothing_is_known() -> None:
    row = standings().row(PAIR, view(17), at(1))
    assert (row["in_step"], row["serial"], row["problem"]) == (None, None, NOT_ASKED)


def test_a_secondary_with_the_present_serial_is_in_step_since_it_was_seen_so() -> None:
    known = standings()
    known.take(PAIR, reported(17, seen_at=1002.0), view(17), at(3))
    row = known.row(PAIR, view(17), at(4))
    assert row == {
        "secondary": "ns2",
        "zone": "failover.test",
        "serial": 17,
        "in_step": True,
        "since": "1970-01-01T00:16:42.000Z",
        "problem": None,
    }
    known.take(PAIR, reported(17, seen_at=1062.0), view(17), at(62))
    assert known.row(PAIR, view(17), at(63))["since"] == "1970-01-01T00:16:42.000Z"


def test_a_change_puts_it_behind_until_it_has_the_new_serial() -> None:
    known = standings()
    known.take(PAIR, reported(17), view(17), at(1))
    known.raised(ORIGIN, 18, at(5))
    row = known.row(PAIR, view(18), at(7))
    assert (row["in_step"], row["since"]) == (False, "1970-01-01T00:16:45.000Z")
    assert row["problem"] == "it has serial 17, ours is 18; NOTIFY was not accepted yet"
    known.take(PAIR, reported(17, 18, notified_at=1005.0), view(18), at(7))
    expected = "it has serial 17, ours is 18; NOTIFY was accepted 2.1 s ago"
    assert known.why(PAIR, view(18), at(7.1)) == expected
    known.take(PAIR, reported(18), view(18), at(8))
    assert known.why(PAIR, view(18), at(8)) is None


def test_a_report_that_comes_before_the_announcement_of_the_change_counts() -> None:
    known = standings()
    known.take(PAIR, reported(18), view(18), at(1))
    known.raised(ORIGIN, 18, at(1.1))
    assert known.row(PAIR, view(18), at(2))["in_step"] is True


def test_a_secondary_that_follows_each_change_never_stays_behind() -> None:
    """The present serial may always be newer than the one that is reported."""
    known = standings()
    for second in range(1, 200):
        known.raised(ORIGIN, second + 1, at(second + 0.5))
        known.take(PAIR, reported(second), view(second + 1), at(second + 0.6))
        assert known.behind(view(second + 1), at(second + 0.9)) == ()


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (
            {"silent_since": 1001.0},
            "198.51.100.53:53 does not answer (since 1970-01-01T00:16:41.000Z)",
        ),
        ({"problem": "answers NOTAUTH"}, "198.51.100.53:53: answers NOTAUTH"),
    ],
)
def test_why_it_is_behind_names_its_address(fields: dict[str, Any], why: str) -> None:
    known = standings()
    known.take(PAIR, reported(17, **fields), view(17), at(1))
    assert known.row(PAIR, view(17), at(2))["in_step"] is False
    assert known.why(PAIR, view(17), at(2)) == why


def test_without_the_transfer_process_nothing_is_known() -> None:
    known = standings()
    known.take(PAIR, reported(17), view(17), at(1))
    known.lose(at(2))
    row = known.row(PAIR, view(17), at(3))
    assert (row["in_step"], row["serial"]) == (None, 17)
    assert "does not run" in str(row["problem"])
    known.take(PAIR, reported(17), view(17), at(4))
    assert known.row(PAIR, view(17), at(5))["in_step"] is True


@pytest.mark.parametrize(("ttl", "limit"), [(60, 60), (300, 300), (0, 5)])
def test_it_is_late_after_the_ttl_of_the_zone_or_five_seconds(ttl: int, limit: int) -> None:
    known = standings(zone("ns2", ttl=ttl))
    known.take(PAIR, reported(17), view(17), at(10))
    known.raised(ORIGIN, 18, at(100))
    assert known.behind(view(18), at(100 + limit - 0.1)) == ()
    (found,) = known.behind(view(18), at(100 + limit))
    assert found.identity == PAIR
    assert found.since == 1100.0
    assert "it has serial 17" in found.problem


def test_one_that_is_recorded_already_is_not_reported_again_until_it_is_in_step() -> None:
    known = standings()
    known.take(PAIR, reported(17, 18), view(18), at(1))
    recorded = BehindSecondary("ns2", ORIGIN, 1000.0, "")
    assert known.behind(view(18, recorded), at(1000)) == ()
    assert known.recovered(view(18, recorded)) == ()
    known.take(PAIR, reported(18), view(18), at(1001))
    assert known.recovered(view(18, recorded)) == (PAIR,)
    assert known.recovered(view(18)) == ()


def test_the_catalog_zone_is_shown_and_never_late() -> None:
    known = standings(catalog=CATALOG)
    assert known.of_zone(CATALOG) == ("ns2",)
    for origin in (ORIGIN, CATALOG):
        known.take(("ns2", origin), reported(16, 17), view(17), at(1))
    assert [pair.zone for pair in known.behind(view(17), at(1000))] == [ORIGIN]


def test_a_secondary_of_which_nothing_is_known_is_not_late() -> None:
    """A start may take long, and the transfer process may have to be replaced."""
    known = standings()
    assert known.behind(view(17), at(1000)) == ()
    known.take(PAIR, reported(16, 17), view(17), at(1000))
    assert known.behind(view(17), at(1059)) == ()
    assert len(known.behind(view(17), at(1060))) == 1
    known.lose(at(1061))
    assert known.behind(view(17), at(2000)) == ()


def test_a_reload_keeps_what_is_known_of_secondaries_that_stay() -> None:
    known = standings()
    known.take(PAIR, reported(17), view(17), at(1))
    known.configure((zone("ns2", "ns3"),), (secondary(), secondary("ns3")), None, at(2))
    assert known.row(PAIR, view(17), at(3))["in_step"] is True
    assert known.row(("ns3", ORIGIN), view(17), at(3))["in_step"] is None
    known.configure((zone(),), (), None, at(4))
    known.take(PAIR, reported(17), view(17), at(5))
    assert known.of_zone(ORIGIN) == ()


def test_a_report_is_read_from_what_the_transfer_process_sends() -> None:
    written = {
        "secondary": "ns2",
        "zone": "failover.test",
        "ours": 18,
        "serial": 17,
        "seen_at": 1000.0,
        "problem": None,
        "silent_since": None,
        "notified_at": 999,
    }
    assert read_report(written) == (PAIR, reported(17, 18, notified_at=999.0))


@pytest.mark.parametrize("written", [None, [], {}, {"secondary": 1}, {"zone": "a..b"}])
def test_a_report_that_cannot_be_read_is_malformed(written: object) -> None:
    with pytest.raises(Malformed):
        read_report(written)
