"""Renewals with the ledger, a CA over HTTPS and a clock that moves: in time, not too often."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from authority import DAY
from corridors import Corridor
from directories import LocalDirectory, Reply, document, refusal
from driving import run
from renewals import HOSTNAME, World
from samples import certificate, group, state
from samples import eu as sample_eu

from failoverdns.issuing.effects import IssuingEffects
from failoverdns.issuing.renewing import AT_ONCE, Renewals
from failoverdns.model.certificate import Certificate, CertificateKind
from failoverdns.model.commands.applications import AddApplication
from failoverdns.model.commands.certificates import InstallCertificate, RequestCertificate
from failoverdns.model.commands.groups import AddGroup, SetGroup, Switch
from failoverdns.pki.anchors import NO_ANCHORS
from failoverdns.rules.derived.renewing import renew_at

HOUR = 3600.0
SWITCH = Switch(("shop",))


def issued(world: World, application: str = "eu") -> Certificate:
    """Issue a certificate."""
    world.do(RequestCertificate(application))
    found = world.certificate(application)
    assert found is not None
    return found


@pytest.mark.parametrize(("lifetime", "part"), [(90 * DAY, 2 / 3), (6 * DAY, 1 / 2)])
def test_a_certificate_is_renewed_in_time(
    local: LocalDirectory, lifetime: float, part: float
) -> None:
    """At two thirds of its lifetime, or half of a short one, a little earlier for some; once."""
    local.lifetime = lifetime
    world = World(local, time.time())
    first = issued(world)
    world.tick(lifetime * (part - 0.06))
    assert world.issued == 1
    world.tick(lifetime * 0.07)
    second = world.certificate("eu")
    assert second is not None
    assert second != first
    assert local.orders[1].replaces is None  # this CA has no renewal information
    for _ in range(3):
        world.tick(HOUR)
    assert world.issued == 2


def test_a_window_in_the_past_renews_at_once(world: World) -> None:
    """And the order names the certificate that it replaces."""
    first = issued(world)
    now = world.corridor.now
    world.local.window = now - 2 * HOUR, now - HOUR
    world.tick(30)
    assert world.issued == 2
    assert world.local.orders[1].replaces == first.facts.renewal_id


def test_a_ca_that_always_wants_a_renewal_gets_one_a_day(world: World) -> None:
    issued(world)
    now = world.corridor.now
    world.local.window = now - 2 * HOUR, now - HOUR
    for _ in range(48):
        world.tick(HOUR)
    assert world.issued in (3, 4)


@pytest.mark.parametrize(
    ("lifetime", "interval"),
    [(12 * HOUR, 3 * HOUR), (2 * DAY, 12 * HOUR), (4 * DAY, DAY), (90 * DAY, DAY)],
)
def test_a_ca_that_always_wants_a_renewal_gets_one_in_a_quarter_of_a_short_lifetime(
    local: LocalDirectory, lifetime: float, interval: float
) -> None:
    """A lifetime under four days; else one a day, neither earlier nor much later."""
    local.lifetime = lifetime
    world = World(local, time.time())
    issued(world)
    now = world.corridor.now
    local.window = now - 2 * HOUR, now - HOUR
    world.tick(60)
    assert world.issued == 2
    for number in (3, 4):
        world.tick(interval * 0.9)
        assert world.issued == number - 1
        world.tick(interval * 0.2)
        assert world.issued == number


def test_a_window_in_the_future_is_waited_for(world: World) -> None:
    """Even past two thirds of the lifetime; and the CA is asked again when it says."""
    issued(world)
    now = world.corridor.now
    world.local.window, world.local.retry_after = (now + 70 * DAY, now + 71 * DAY), "21600"
    for _ in range(10):
        world.tick(HOUR)
    assert world.asked("GET /renewal") == 2
    world.tick(59 * DAY)
    assert world.issued == 1
    world.tick(10 * DAY)
    assert world.issued == 1
    world.tick(2 * DAY)
    assert world.issued == 2


def test_a_changed_window_counts(world: World) -> None:
    """As when the CA has to revoke certificates."""
    issued(world)
    now = world.corridor.now
    world.local.window = now + 60 * DAY, now + 61 * DAY
    world.tick(HOUR)
    world.local.window = now - HOUR, now - 1
    world.tick(6 * HOUR)
    assert world.issued == 2


def test_a_window_after_expiry_does_not_let_a_certificate_expire(world: World) -> None:
    first = issued(world)
    now = world.corridor.now
    world.local.window = now + 900 * DAY, now + 901 * DAY
    world.tick(85 * DAY)
    assert world.issued == 2
    assert first.facts.not_after > world.corridor.now


def test_missing_renewal_information_is_asked_for_and_logged_rarely(world: World) -> None:
    """And certificates are still renewed, by their lifetime."""
    issued(world)
    world.local.window = 0.0, 1.0
    world.local.fail("renewal", *[Reply(503, b"", {"Retry-After": "120"})] * 500)
    for _ in range(24 * 12):
        world.tick(300)
    assert 3 <= world.asked("GET /renewal") <= 8
    assert 1 <= sum("no renewal information" in line for line in world.logged) <= 4
    for _ in range(60):
        world.tick(DAY)
    assert world.issued == 2


def test_a_ca_that_does_not_know_one_certificate_is_asked_for_others(world: World) -> None:
    """As with certificates that another CA issued."""
    world.corridor.do(AddApplication("docs"))
    world.corridor.do(AddGroup("docs", label="docs", primary="docs"))
    issued(world)
    issued(world, "docs")
    now = world.corridor.now
    world.local.window = now - 2 * HOUR, now - HOUR
    world.local.fail("renewal", refusal(404, "malformed", "no such certificate"))
    world.tick(30)
    assert world.issued == 3


def test_renewals_are_spread(world: World) -> None:
    """Certificates that were issued at the same time are not due at the same time."""
    names = [f"app{number}" for number in range(12)]
    for name in names:
        world.corridor.do(AddApplication(name))
        world.corridor.do(AddGroup(name, label=name, primary=name))
        world.do(RequestCertificate(name))
    due = [renew_at(c.facts) for c in world.state.certificates()]
    assert len(due) == 12
    assert max(due) - min(due) > DAY / 2


def test_only_the_active_side_renews_and_a_switch_moves_the_right_to_renew(world: World) -> None:
    issued(world)
    world.do(SWITCH)
    copy = world.certificate("us")
    world.tick(61 * DAY)
    assert world.issued == 2
    renewed = world.certificate("us")
    assert renewed is not None
    assert renewed.facts != copy.facts if copy else False
    old = world.certificate("eu")
    assert old is not None
    assert old.facts.fingerprint == copy.facts.fingerprint if copy else False


def test_no_certificate_is_renewed_for_an_application_in_no_group(world: World) -> None:
    issued(world)
    world.do(SetGroup("shop", primary="", override=("active-side",)))
    world.tick(80 * DAY)
    assert world.issued == 1


def test_a_custom_certificate_is_never_ordered(world: World) -> None:
    found = issued(world)
    custom = replace(found.facts, bundle="other")
    bundle = run(world.corridor.store.bundle(found.facts.bundle))
    assert bundle is not None
    world.do(InstallCertificate("eu", replace(bundle, id="other"), custom))
    world.tick(80 * DAY)
    assert world.issued == 1


def test_an_impossible_renewal_causes_a_warning_and_is_not_tried_for_ever(world: World) -> None:
    """It names the hostname of a group that the application left; back again, it is renewed."""
    world.corridor.do(AddGroup("docs", label="docs", primary="eu"))
    issued(world)
    world.do(SetGroup("docs", primary="", override=("active-side",)))
    revision = world.state.revision
    world.logged.clear()
    world.tick(61 * DAY)
    for _ in range(20):
        world.tick(30)
    assert (world.state.revision, world.logged, world.issued) == (revision, [], 1)
    world.do(SetGroup("docs", primary="eu"))
    world.tick(30)
    assert world.issued == 2


def test_a_certificate_with_names_of_both_sides_is_renewed(world: World) -> None:
    """Two applications that are each other's backup share one: its traffic must not suffer."""
    world.corridor.do(AddGroup("docs", label="docs", primary="us", backup="eu"))
    world.do(RequestCertificate("eu", (HOSTNAME, "docs.failover.test")))
    world.tick(61 * DAY)
    found = world.certificate("eu")
    assert found is not None
    assert (world.issued, found.facts.names) == (2, ("docs.failover.test", HOSTNAME))


def test_a_ledger_that_takes_no_commands_is_logged_once_a_round(world: World) -> None:
    """And certificates that are due are ordered when it takes them again."""
    issued(world)
    world.move(61 * DAY)
    world.corridor.store.unreachable = True
    world.logged.clear()
    world.tick(30)
    assert sum("renewals wait" in line for line in world.logged) == 1
    world.corridor.store.unreachable = False
    world.corridor.ledger.resume()
    world.tick(30)
    assert world.issued == 2


def test_a_check_of_very_many_certificates_lets_other_work_have_its_turn() -> None:
    """An answer waits for AT_ONCE of them, at most."""
    many = [
        replace(certificate("eu", called=str(n), kind=CertificateKind.ACME), application=f"app-{n}")
        for n in range(5 * AT_ONCE)
    ]
    found, pauses = state(sample_eu(), group(), *many), 0

    async def pause() -> None:
        nonlocal pauses
        pauses += 1

    effects = IssuingEffects(
        state=lambda: found,
        store=Corridor().store,
        submit=lambda command: pause(),
        in_thread=lambda call: pause(),
        pause=pause,
        spawn=run,
        can_record=lambda: True,
        now=lambda: 0.0,
        anchors=lambda: NO_ANCHORS,
        look_up=lambda challenges, targets: [],
        has_resolvers=lambda: False,
        log=lambda text: None,
    )
    Renewals(World.settings_of("https://ca.example/directory"), effects).tick()
    assert pauses == 5


def test_nothing_is_started_after_the_end(world: World) -> None:
    issued(world)
    world.renewals.stop()
    world.tick(61 * DAY)
    world.do(RequestCertificate("eu", again=True))
    assert world.issued == 1


def test_the_local_directory_reports_what_it_offers(local: LocalDirectory, tmp_path: Path) -> None:
    """An invalid answer is a problem of the order, in words."""
    world = World(local, time.time())
    local.fail("directory", *[document([])] * 3)
    world.do(RequestCertificate("eu"))
    order = world.order("eu")
    assert order is not None
    assert "an invalid answer" in (order.problem or "")
