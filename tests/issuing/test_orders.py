"""Orders at a CA, over HTTPS: each is issued once, and only for the active application."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from authority import make_authority
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from directories import LocalDirectory, Reply, refusal
from driving import run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from renewals import HOSTNAME, Ended, World, external

from failoverdns.issuing.orders import CONCURRENT, PLACED_AT_MOST
from failoverdns.model.certificate import CertificateKind
from failoverdns.model.commands.applications import AddApplication, RenameApplication
from failoverdns.model.commands.certificates import RemoveCertificate, RequestCertificate
from failoverdns.model.commands.groups import AddGroup, SetGroup, Switch
from failoverdns.model.group import Side
from failoverdns.rules.derived.renewing import RETRIES
from failoverdns.store.memory import Failure, MemoryStore

UNPLACED = refusal(500, "serverInternal", "not now")
LIMITED = refusal(429, "rateLimited", "too many", headers={"Retry-After": "7200"})
SWITCH = Switch(("shop",))


def served(world: World) -> list[str]:
    """Return the served values of challenges."""
    return [c.value for order in world.state.orders() for c in order.challenges]


def test_a_certificate_is_issued(world: World) -> None:
    """For the group's hostname, with a new key, and nothing of the order remains."""
    world.do(RequestCertificate("eu"))
    found = world.certificate("eu")
    assert found is not None
    assert (found.kind, found.facts.names) == (CertificateKind.ACME, (HOSTNAME,))
    assert (world.order("eu"), served(world), world.issued) == (None, [], 1)
    bundle = run(world.corridor.store.bundle(found.facts.bundle))
    assert bundle is not None
    assert bundle.chain == world.local.orders[0].chain


def test_challenges_are_served_while_the_ca_validates_and_no_longer(world: World) -> None:
    """They are served before the CA is asked to validate, and removed before it issues."""
    steps: list[tuple[int, int]] = []
    world.before_step = lambda _: steps.append((len(world.local.seen), len(served(world))))
    world.do(RequestCertificate("eu", (HOSTNAME, f"*.{HOSTNAME}")))

    def served_when(what: str) -> int:
        at = next(i for i, line in enumerate(world.local.seen) if line.startswith(what))
        return [count for begin, count in steps if begin <= at][-1]

    assert served_when("POST /orders") == 0
    assert served_when("POST /challenge") == 2
    assert served_when("POST /finalize") == 0


@pytest.mark.parametrize(
    ("key_type", "kind", "size"),
    [("ec384", ec.EllipticCurvePublicKey, 384), ("rsa2048", rsa.RSAPublicKey, 2048)],
)
def test_keys_are_as_configured(
    local: LocalDirectory, key_type: str, kind: type, size: int
) -> None:
    world = World(local, time.time(), key_type=key_type)
    world.do(RequestCertificate("eu"))
    (leaf, *_) = x509.load_pem_x509_certificates((local.orders[0].chain or "").encode())
    public = leaf.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
    assert isinstance(public, kind)
    assert public.key_size == size


def test_the_configured_profile_is_ordered(local: LocalDirectory) -> None:
    local.profiles = {"shortlived": "six days"}
    world = World(local, time.time(), profile="shortlived")
    world.do(RequestCertificate("eu"))
    assert [order.profile for order in local.orders] == ["shortlived"]
    local.profiles = {"classic": "ninety"}
    world.do(RequestCertificate("eu", again=True))
    order = world.order("eu")
    assert order is not None
    assert "offered: classic" in (order.problem or "")


def test_an_external_account_is_bound(local: LocalDirectory, tmp_path: Path) -> None:
    """Once its key is valid; until then the order reports the error."""
    local.binding = ("kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W")
    world = World(local, time.time(), external_account=external(tmp_path, "kid-1", "not base64!"))
    world.do(RequestCertificate("eu"))
    order = world.order("eu")
    assert order is not None
    assert "not base64url" in (order.problem or "")
    external(tmp_path, *local.binding)
    world.tick(RETRIES[0] * 1.1)
    assert world.certificate("eu") is not None


def test_the_key_of_an_external_account_that_every_user_can_open_is_refused(
    local: LocalDirectory, tmp_path: Path
) -> None:
    account = external(tmp_path, "kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3M")
    account.hmac_key_file.chmod(0o644)
    world = World(local, time.time(), external_account=account)
    world.do(RequestCertificate("eu"))
    order = world.order("eu")
    assert order is not None
    assert f"`chmod o= {account.hmac_key_file}`" in (order.problem or "")


def many_applications(world: World, count: int) -> None:
    for number in range(count):
        name = f"app{number}"
        world.corridor.do(AddApplication(name))
        world.corridor.do(AddGroup(name, label=name, primary=name))
        world.corridor.do(RequestCertificate(name))


def test_one_account_is_opened_for_many_orders(world: World) -> None:
    many_applications(world, CONCURRENT + 2)
    world.run()
    assert world.issued == CONCURRENT + 2
    assert world.asked("POST /account") == len(world.local.accounts) == 1


def test_a_failure_to_open_an_account_is_met_by_one_order_only(world: World) -> None:
    """Not by each of many orders in turn."""
    world.local.binding = ("kid-1", "none is configured")
    many_applications(world, 10)
    world.run()
    for _ in range(10):
        world.tick(60)
    assert world.asked("GET /directory") == 1
    world.local.binding = None
    world.tick(400)
    assert world.issued == 10


@pytest.mark.parametrize("what", [None, "orders", "order", "challenge", "finalize"])
def test_an_account_that_the_ca_lost_is_opened_again_at_once(
    world: World, what: str | None
) -> None:
    """Wherever the order is; it is placed again, by the new account."""
    world.do(RequestCertificate("eu"))
    if what is None:
        world.local.accounts.clear()
    else:
        world.local.fail(what, refusal(400, "accountDoesNotExist", "who are you?"))
    world.do(RequestCertificate("eu", again=True))
    assert (world.issued, world.order("eu")) == (2, None)
    assert world.asked("POST /account") == 2


def test_an_account_that_the_ca_loses_again_and_again_is_not_opened_without_end(
    world: World,
) -> None:
    world.do(RequestCertificate("eu"))
    world.local.fail("orders", *[refusal(400, "accountDoesNotExist", "who are you?")] * 9)
    world.do(RequestCertificate("eu", again=True))
    order = world.order("eu")
    assert order is not None
    assert (order.failures, world.asked("POST /account")) == (1, 2)


def test_a_wait_grows_and_differs_from_order_to_order(world: World) -> None:
    """15 minutes, 30, 60, ... and up to a tenth more."""
    world.local.fail("orders", *[UNPLACED] * 4)
    world.do(RequestCertificate("eu"))
    waits = []
    for failures in range(1, 5):
        order = world.order("eu")
        assert order is not None
        assert order.failures == failures
        waits.append(order.retry_at - world.corridor.now)
        world.tick(waits[-1] - 1)
        assert world.asked("POST /orders") == failures
        world.tick(1)
    for wait, least in zip(waits, RETRIES, strict=False):
        assert least < wait < least * 1.1
    assert world.issued == 1


def test_the_wait_that_a_ca_asks_for_cannot_be_shortened(world: World) -> None:
    """Neither by another request, nor by a switch, nor by a restart."""
    world.local.fail("orders", LIMITED)
    world.do(RequestCertificate("eu"))
    for _ in range(10):
        world.do(RequestCertificate("eu"))
        world.do(SWITCH)
        world.do(SWITCH)
        world.tick(60)
    world.restart()
    world.tick(6000)
    assert world.asked("POST /orders") == 1
    world.tick(7200 * 0.3)
    assert world.issued == 1


def test_repeated_requests_stay_within_the_limits_of_the_ca(world: World) -> None:
    """Five failed validations an hour for a name, at most."""
    attempts: list[float] = []
    begun = world.corridor.now
    while world.corridor.now < begun + 3 * 3600:
        world.local.fail("challenge", refusal(403, "unauthorized", "no TXT record"))
        before = world.asked("POST /challenge")
        world.do(RequestCertificate("eu"))
        world.tick(60)
        world.local.forgive()
        attempts += [world.corridor.now] * (world.asked("POST /challenge") - before)
    assert len(attempts) > 6
    for moment in attempts:
        assert sum(moment <= other < moment + 3600 for other in attempts) <= 5


def test_requesting_names_again_does_not_forget_failures(world: World) -> None:
    world.local.fail("orders", *[UNPLACED] * 3)
    for names in ((HOSTNAME,), (HOSTNAME, f"a.{HOSTNAME}"), (HOSTNAME,), (f"b.{HOSTNAME}",)):
        world.do(RequestCertificate("eu", names))
    order = world.order("eu")
    assert order is not None
    assert (order.failures, order.names) == (2, (f"b.{HOSTNAME}",))
    assert world.asked("POST /orders") == 2


def test_a_rate_limit_of_the_ca_delays_all_new_orders(world: World) -> None:
    """Not each of hundreds is refused in turn; afterwards one after the other is tried again."""
    world.do(RequestCertificate("eu"))
    placed = world.asked("POST /orders")
    world.local.fail("orders", *[LIMITED] * 100)
    many_applications(world, 40)
    world.run()
    assert world.asked("POST /orders") - placed <= CONCURRENT
    for _ in range(14):
        world.tick(60)
    assert world.asked("POST /orders") - placed <= CONCURRENT


def test_no_more_orders_are_placed_than_lets_encrypt_allows(world: World) -> None:
    """300 in three hours; the others wait, without a failure."""
    world.do(RequestCertificate("eu"))
    world.local.fail("directory", *[Reply(503, b"")] * 260)
    before = world.asked("GET /directory")
    many_applications(world, 260)
    world.run()
    assert world.asked("GET /directory") - before <= PLACED_AT_MOST < 300
    assert [order.failures for order in world.state.orders()].count(0) >= 260 - PLACED_AT_MOST


def test_a_name_whose_group_was_removed_is_not_ordered(world: World) -> None:
    world.local.fail("orders", UNPLACED)
    world.do(RequestCertificate("eu", (HOSTNAME, "www.customer.example")))
    world.do(AddGroup("docs", label="docs", primary="eu"))
    world.do(SetGroup("shop", primary="", override=("active-side",)))
    world.tick(RETRIES[0] * 1.1)
    order = world.order("eu")
    assert order is not None
    assert "is not the hostname of a group" in (order.problem or "")
    assert world.asked("POST /orders") == 1


# a switch in the middle


def test_a_switch_at_any_step_ends_with_one_certificate_on_the_active_side(
    local: LocalDirectory,
) -> None:
    """The order moves along; the CA is asked only once to issue."""
    step = 0
    while True:
        step += 1
        world = World(local, time.time())
        before = world.issued

        def switch(number: int, at: int = step, in_: World = world) -> None:
            if number == at:
                in_.corridor.do(SWITCH)

        world.between = switch
        world.do(RequestCertificate("eu"))
        group = world.state.group_named("shop")
        assert group is not None
        if group.active is Side.PRIMARY:
            break
        world.tick()
        assert world.certificate("us") is not None
        issued_before = world.certificate("eu") is not None
        assert world.issued - before == 1
        if issued_before:
            assert world.certificate("eu").facts == world.certificate("us").facts  # type: ignore
    assert step > 8


def test_an_order_whose_application_is_detached_is_stopped(world: World) -> None:
    """At any step; the CA is not asked any more, nothing is served, nothing is installed."""
    asked: list[int] = []

    def detach(number: int) -> None:
        if served(world) and not asked:
            world.corridor.do(SetGroup("shop", primary="", override=("active-side",)))
            asked.append(world.asked("POST /finalize"))

    world.between = detach
    world.do(RequestCertificate("eu"))
    assert asked == [0]
    assert (world.asked("POST /finalize"), world.issued, served(world)) == (0, 0, [])
    assert world.certificate("eu") is None
    world.do(SetGroup("shop", primary="eu"))
    assert (world.issued, len(world.local.orders)) == (1, 1)


# restarts


@pytest.mark.parametrize("when", ["before_step", "between"])
def test_a_process_that_is_killed_at_any_step_continues_and_orders_nothing_twice(
    local: LocalDirectory, when: str
) -> None:
    """One certificate; at worst an abandoned order stays at the CA."""
    steps = 0
    while True:
        steps += 1
        world = World(local, time.time())
        before, placed = world.issued, len(local.orders)

        def kill(number: int, at: int = steps) -> None:
            if number == at:
                raise Ended

        setattr(world, when, kill)
        try:
            world.do(RequestCertificate("eu"))
            break
        except Ended:
            world.restart()
        world.tick()
        assert world.certificate("eu") is not None
        assert (world.order("eu"), served(world)) == (None, [])
        assert world.issued - before == 1, steps
        assert len(local.orders) - placed <= 2
    assert steps > 9


@pytest.mark.parametrize("failure", [Failure.LOST, Failure.UNCONFIRMED, Failure.REFUSED])
def test_a_lost_reply_of_the_store_does_not_lead_to_a_second_certificate(
    local: LocalDirectory, failure: Failure
) -> None:
    """Whether or not the commit was made, at any commit."""
    for at in range(1, 6):
        world = World(local, time.time())
        before = world.issued

        def fail(number: int, at: int = at, store: MemoryStore = world.corridor.store) -> None:
            if number == at:
                store.failures.append(failure)

        world.before_step = fail
        world.do(RequestCertificate("eu"))
        world.before_step = lambda _: None
        world.corridor.store.failures.clear()
        for _ in range(3):
            world.corridor.ledger.resume()
            world.tick(61)
        assert world.certificate("eu") is not None
        assert world.issued - before == 1


def test_after_a_stop_nothing_is_requested_and_the_successor_continues(
    local: LocalDirectory,
) -> None:
    """At any step, as when the configuration changes while an order is under way."""
    steps = 0
    while True:
        steps += 1
        world = World(local, time.time())
        before = world.issued

        def stop(number: int, at: int = steps, in_: World = world) -> None:
            if number == at:
                in_.renewals.stop()

        world.between = stop
        world.do(RequestCertificate("eu"))
        if world.steps < steps:
            break
        assert world.steps <= steps + 1  # the result of the last call may still be recorded
        world.restart()
        world.tick()
        assert world.certificate("eu") is not None
        assert world.issued - before == 1
    assert steps > 9


def test_an_unreachable_store_is_not_asked_without_end(world: World) -> None:
    world.local.fail("orders", UNPLACED)
    world.do(RequestCertificate("eu"))
    world.corridor.store.unreachable = True
    world.tick(1000)
    for _ in range(10):
        world.tick(5)
    waits = [line for line in world.logged if "waits" in line]
    assert len(waits) == 1
    world.corridor.store.unreachable = False
    world.tick(60)
    assert world.issued == 1


def test_no_order_begins_at_the_ca_while_the_state_cannot_be_written(world: World) -> None:
    """What the CA does could not be recorded, and its limits would be used up."""
    world.local.fail("orders", UNPLACED)
    world.do(RequestCertificate("eu"))
    world.corridor.store.unreachable = True
    world.corridor.refuse(RenameApplication("eu", "other"))  # so the ledger knows
    asked = len(world.local.seen)
    for _ in range(5):
        world.tick(1000)
    assert len(world.local.seen) == asked
    world.corridor.store.unreachable = False
    world.corridor.ledger.resume()
    world.tick(60)
    assert world.issued == 1


# a CA that stalls or lies


def test_a_ca_that_stalls_is_not_asked_for_another_certificate(world: World) -> None:
    """It may issue the certificate later: that is fetched, and not ordered again."""
    world.local.processing, world.local.retry_after = 1, "600"
    world.do(RequestCertificate("eu"))
    order = world.order("eu")
    assert order is not None
    assert "not issued in" in (order.problem or "")
    world.tick(RETRIES[0] * 1.1)
    assert world.certificate("eu") is not None
    assert (world.issued, len(world.local.orders)) == (1, 1)


def test_an_order_that_the_ca_forgot_is_placed_again(world: World) -> None:
    gone = Reply(404, b"")
    world.local.fail("finalize", UNPLACED)
    world.do(RequestCertificate("eu"))
    order = world.order("eu")
    assert order is not None
    assert order.url is not None
    world.local.fail("order", gone)
    world.tick(RETRIES[0] * 1.1)
    order = world.order("eu")
    assert order is not None
    assert (order.url, order.key) == (None, None)
    world.tick(RETRIES[1] * 1.1)
    assert (world.issued, len(world.local.orders)) == (1, 2)


NONSENSE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("forged", "problem"),
    [
        (make_authority().issue(HOSTNAME).chain, "key: it does not belong"),
        (NONSENSE, "certificate"),
    ],
    ids=["another key", "nonsense"],
)
def test_a_certificate_that_does_not_match_its_order_is_not_installed(
    world: World, forged: str, problem: str
) -> None:
    """The order says why, and is placed again later."""
    world.local.forged = forged
    world.do(RequestCertificate("eu"))
    order = world.order("eu")
    assert order is not None
    assert problem in (order.problem or "")
    assert (world.certificate("eu"), order.url) == (None, None)


def test_a_ca_cannot_make_the_server_answer_for_names_that_were_not_ordered(world: World) -> None:
    world.do(AddGroup("docs", label="docs", primary="us"))

    def lie(_: int) -> None:
        for order in world.local.orders:
            order.names[:] = ["docs.failover.test"]

    world.between = lie
    world.do(RequestCertificate("eu"))
    order = world.order("eu")
    assert order is not None
    assert "wants to validate docs.failover.test, which is not ordered" in (order.problem or "")
    assert not any(c.owner for o in world.state.orders() for c in o.challenges)


# another CA


def test_another_directory_has_its_own_account_and_orders(world: World, tmp_path: Path) -> None:
    """Orders under way at the old one are placed again at the new one; certificates stay."""
    world.do(RequestCertificate("eu"))
    old = world.certificate("eu")
    world.local.fail("finalize", UNPLACED)
    world.do(RequestCertificate("eu", (f"a.{HOSTNAME}",)))
    (tmp_path / "other").mkdir()
    with LocalDirectory(tmp_path / "other") as other:
        world.restart(replace(world.settings, directory=other.url, ca_file=other.ca_file))
        assert world.certificate("eu") == old
        seen = len(world.local.seen)
        world.tick(RETRIES[0] * 1.1)
        assert len(world.local.seen) == seen
        assert (len(other.orders), world.order("eu")) == (1, None)
        found = world.certificate("eu")
        assert found is not None
        assert found.facts.names == (f"a.{HOSTNAME}",)
        assert world.state.account(world.local.url) is not None
        assert world.state.account(other.url) is not None


# never for the inactive side

ACTIONS = st.sampled_from(
    [
        None,
        None,
        None,
        SWITCH,
        Switch(("shop",), override=("certificate-names", "certificate-expired")),
        RequestCertificate("eu"),
        RequestCertificate("us"),
        RequestCertificate("us", again=True),
        SetGroup("shop", primary="", override=("active-side",)),
        SetGroup("shop", primary="eu"),
        SetGroup("shop", backup="", override=("active-side",)),
        SetGroup("shop", backup="us"),
        RemoveCertificate("eu"),
        "restart",
        "later",
        "fails",
    ]
)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(actions=st.lists(ACTIONS, min_size=5, max_size=40))
def test_nothing_is_requested_or_installed_for_an_inactive_application(
    local: LocalDirectory, actions: list[object]
) -> None:
    """Whatever happens between any two steps: switches, requests, failures, restarts."""
    local.forgive()
    world = World(local, time.time())
    asked = len(local.seen)
    waiting = list(actions)

    def active() -> set[str]:
        groups = world.state.groups()
        return {id_ for g in groups if (id_ := g.application(g.active)) is not None}

    def before(_: int) -> None:
        nonlocal asked, allowed
        asked, allowed = len(local.seen), active()

    allowed = active()

    def after(_: int) -> None:
        """Compare the requests of this step with the application that was active at its start."""
        for line in local.seen[asked:]:
            method, _, path = line.partition(" ")
            what, *rest = path[1:].split("/")
            if method == "POST" and what in ("orders", "challenge", "finalize"):
                urls = {o.url: o.application for o in world.state.orders()}
                if what == "orders":
                    assert any(o.application in allowed for o in world.state.orders()), line
                else:
                    assert urls[f"{local.base}/order/{rest[0]}"] in allowed, line
        change = run(world.corridor.store.changes_after(0))[-1]
        if change.command["command"] == "IssueCertificate":
            assert set(change.subjects) & allowed, change
        act()

    def act() -> None:
        action = waiting.pop(0) if waiting else None
        if action == "restart":
            world.restart()
        elif action == "later":
            world.move(1000)
        elif action == "fails":
            local.fail("finalize", UNPLACED)
        elif action is not None:
            world.corridor.submit(action)  # type: ignore[arg-type]

    world.before_step, world.between = before, after
    world.corridor.submit(RequestCertificate("eu"))
    for _ in range(60):
        world.run()
        if not waiting:
            break
        act()
        world.tick(30)
    world.before_step = world.between = lambda _: None
    world.tick(100_000)
    for order in world.state.orders():
        assert order.application in active() or not order.challenges
