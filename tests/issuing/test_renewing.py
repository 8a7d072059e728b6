"""Orders on their way through a CA, and what is ordered when; over a real ledger and real HTTPS."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rcode
import pytest
from authority import DAY, make_authority
from corridors import ZONE, Corridor, build_shop
from directories import LocalDirectory, refusal

from failoverdns.answering import respond
from failoverdns.config import AcmeSettings, ExternalAccount
from failoverdns.issuing.account import Means
from failoverdns.issuing.renewing import Renewals
from failoverdns.model import commands
from failoverdns.model.certificate import Certificate, CertificateKind, Order
from failoverdns.model.commands import Mutation
from failoverdns.model.errors import Rejected
from failoverdns.state import State
from failoverdns.wire.certificates import read_bundle

HOSTNAME = "shop.failover.test"
MINUTE, HOUR = 60.0, 3600.0


class Killed(BaseException):
    """The server is killed at this moment."""


class Shop:
    """A corridor with the group `shop`, `eu` active, and a CA to have certificates issued by."""

    def __init__(self, local: LocalDirectory, **settings: Any) -> None:
        self.local = local
        self.corridor = Corridor()
        self.corridor.now = time.time()
        self.corridor.do(commands.Configure((ZONE,)))
        build_shop(self.corridor)
        self.settings = AcmeSettings(
            directory=local.url,
            contact=(),
            key_type="ec256",
            profile=None,
            ca_file=local.ca_file,
            external_account=None,
        )
        for name, value in settings.items():
            object.__setattr__(self.settings, name, value)
        self.log: list[str] = []
        self.before_call: Callable[[int], None] = lambda number: None
        self.calls = 0
        self.begin()

    def begin(self) -> None:
        """Start, or start again after a kill."""
        self.corridor.gate.held.clear()
        self.renewals = Renewals(
            self.settings,
            Means(
                state=lambda: self.state,
                store=self.corridor.store,
                submit=self._submit,
                in_thread=self._in_thread,
                pause=self._pause,
                spawn=self.corridor.gate.spawn,
                now=lambda: self.corridor.now,
                log=self.log.append,
            ),
        )

    @property
    def state(self) -> State:
        """What is committed."""
        return self.corridor.ledger.state

    def do(self, command: Mutation) -> None:
        """Carry out a command, and let the orders go on."""
        self.corridor.do(command)
        self.renewals.begin_orders()

    def tick(self, later: float = 0.0) -> None:
        """Let so many seconds pass, and look at what is due."""
        self.corridor.now += later
        self.renewals.tick()

    def request(self, *names: str, application: str = "eu") -> None:
        """Ask for a certificate."""
        self.do(commands.RequestCertificate(application, names))

    def certificate(self, name: str = "eu") -> Certificate | None:
        """The certificate of an application."""
        application = self.state.application_named(name)
        return self.state.certificate(application.id) if application is not None else None

    def issued(self, name: str = "eu") -> Certificate:
        """The certificate that an application has."""
        found = self.certificate(name)
        assert found is not None, self.log
        return found

    @property
    def orders(self) -> list[Order]:
        """What is ordered and not issued."""
        return list(self.state.orders())

    def texts(self, owner: str) -> list[str] | None:
        """The TXT records that DNS answers at a name; None for NXDOMAIN."""
        query = dns.message.make_query(owner, "TXT")
        reply = dns.message.from_wire(
            respond(self.corridor.table, query.to_wire(), udp=True) or b""
        )
        if reply.rcode() == dns.rcode.NXDOMAIN:
            return None
        assert all(rrset.ttl == 0 for rrset in reply.answer)
        return [rdata.to_text().strip('"') for rrset in reply.answer for rdata in rrset]

    async def _submit(self, command: Mutation) -> None:
        (outcome,) = self.corridor.submit(command)
        if isinstance(outcome, Rejected):
            raise outcome
        self.renewals.begin_orders()  # as the service does, which announces every change

    async def _in_thread(self, call: Callable[[], Any]) -> Any:
        self.calls += 1
        self.before_call(self.calls)
        return call()

    async def _pause(self) -> None:
        return None


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalDirectory]:
    with LocalDirectory(tmp_path) as running:
        yield running


@pytest.fixture
def shop(local: LocalDirectory) -> Shop:
    return Shop(local)


@pytest.fixture
def asked(shop: Shop, local: LocalDirectory) -> Iterator[Shop]:
    """A shop whose CA really asks its DNS."""

    class Datagram(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            packet, sock = self.request
            sock.sendto(respond(shop.corridor.table, packet, udp=True) or b"", self.client_address)

    with socketserver.UDPServer(("127.0.0.1", 0), Datagram) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        local.dns = server.server_address[1]
        yield shop
        server.shutdown()


def test_a_certificate_is_issued_to_the_active_application(asked: Shop) -> None:
    """Its challenge is served before the CA looks, and gone afterwards; its key is in the vault."""
    asked.request()
    found = asked.issued()
    assert (found.kind, found.facts.names) == (CertificateKind.ACME, (HOSTNAME,))
    assert asked.orders == []
    assert asked.texts(f"_acme-challenge.{HOSTNAME}") is None
    bundle = asked.corridor.store.bundles[found.facts.bundle]
    assert read_bundle(bundle.chain, bundle.key.reveal())[1] == found.facts
    assert set(asked.corridor.store.bundles) == {found.facts.bundle, f"account/{asked.local.url}"}


def test_a_wildcard_and_its_base_have_two_values_at_one_name(asked: Shop) -> None:
    seen: list[list[str] | None] = []
    asked.before_call = lambda _: seen.append(asked.texts(f"_acme-challenge.{HOSTNAME}"))
    asked.request(HOSTNAME, f"*.{HOSTNAME}")
    assert asked.issued().facts.names == (f"*.{HOSTNAME}", HOSTNAME)
    assert max(len(values or ()) for values in seen) == 2


def test_a_customers_name_is_answered_below_a_name_of_ours(shop: Shop) -> None:
    """Where `certificate challenge-name` told the customer to point the CNAME."""
    owner = "www.shop.example._acme-challenge.failover.test"
    seen: list[list[str] | None] = []
    shop.before_call = lambda _: seen.append(shop.texts(owner))
    shop.request("www.shop.example", "*.shop.example", HOSTNAME)
    assert shop.issued().facts.names == ("*.shop.example", HOSTNAME, "www.shop.example")
    assert max(len(values or ()) for values in seen) == 1
    assert shop.texts(owner) is None


def test_many_orders_share_one_account(shop: Shop) -> None:
    """More than may be under way at a time: all are issued."""
    names = [f"app{number}" for number in range(6)]
    for name in names:
        shop.corridor.do(commands.AddApplication(name))
        shop.corridor.do(commands.AddGroup(name, label=name, primary=name))
        shop.corridor.do(commands.RequestCertificate(name))
    shop.tick()
    shop.tick()
    assert all(shop.certificate(name) for name in names), shop.log
    assert len(shop.local.accounts) == 1


@pytest.mark.parametrize(("lifetime", "part"), [(90 * DAY, 2 / 3), (6 * DAY, 1 / 2)])
def test_a_certificate_is_renewed_well_before_it_expires(
    shop: Shop, local: LocalDirectory, lifetime: float, part: float
) -> None:
    """At two thirds of its lifetime, or half of a short one, a little earlier for some."""
    local.lifetime = lifetime
    shop.request()
    first = shop.issued()
    began = first.facts.not_before
    shop.tick(began + lifetime * (part - 0.06) - shop.corridor.now)
    assert shop.issued() == first
    shop.tick(lifetime * 0.06)
    assert shop.issued() != first
    assert len(local.orders) == 2


def test_the_ca_says_when_to_renew(shop: Shop, local: LocalDirectory) -> None:
    """As soon as it wants, and which one is replaced is told; it is not asked all the time."""
    now = shop.corridor.now
    local.window = (now + HOUR, now + HOUR + 1)
    shop.request()
    first = shop.issued()
    shop.tick(30 * MINUTE)
    assert shop.issued() == first
    local.window = (now - HOUR, now - HOUR + 1)
    shop.tick(MINUTE)
    assert shop.issued() == first, "it is not asked again at once"
    shop.tick(7 * HOUR)
    assert shop.issued() != first
    assert local.orders[-1].replaces == first.facts.renewal_id


def test_a_window_that_is_far_away_counts_more_than_two_thirds(
    shop: Shop, local: LocalDirectory
) -> None:
    now = shop.corridor.now
    local.window = (now + 80 * DAY, now + 81 * DAY)
    shop.request()
    first = shop.issued()
    shop.tick(70 * DAY)
    assert shop.issued() == first
    shop.tick(12 * DAY)
    assert shop.issued() != first


def test_renewal_information_is_asked_for_rarely(shop: Shop, local: LocalDirectory) -> None:
    """Also when it fails; then two thirds count."""
    local.window = (shop.corridor.now + 80 * DAY, shop.corridor.now + 81 * DAY)
    shop.request()
    for _ in range(100):
        shop.tick(30)
    assert sum("renewal" in line for line in local.seen) == 1
    local.fail("renewal", *[refusal(503, "serverInternal", "later")] * 50)
    for _ in range(20):
        shop.tick(2 * HOUR)
    assert sum("renewal" in line for line in local.seen) < 12
    assert "no renewal information" in shop.log[-1]


def test_what_fails_is_tried_again_later_and_later(shop: Shop, local: LocalDirectory) -> None:
    """And what is wrong can be read; nothing is tried in between."""
    local.fail("orders", *[refusal(403, "rejectedIdentifier", "not that name")] * 3)
    shop.request()
    (order,) = shop.orders
    assert (order.failures, order.url, order.key) == (1, None, None)
    assert "rejectedIdentifier: not that name" in (order.problem or "")
    shop.tick(14 * MINUTE)
    assert shop.orders == [order]
    shop.tick(2 * MINUTE)
    shop.tick(20 * MINUTE)
    (again,) = shop.orders
    assert again.failures == 2
    shop.tick(15 * MINUTE)
    shop.tick(61 * MINUTE)
    assert shop.orders == []
    assert shop.issued().facts.names == (HOSTNAME,)


def test_the_ca_says_how_long_to_wait(shop: Shop, local: LocalDirectory) -> None:
    """Never sooner than a Retry-After."""
    headers = {"Retry-After": "7200"}
    local.fail("orders", refusal(429, "rateLimited", "too many", headers))
    shop.request()
    shop.tick(119 * MINUTE)
    assert shop.certificate() is None
    shop.tick(2 * MINUTE)
    assert shop.certificate() is not None


def test_a_renewal_that_the_rules_refuse_is_said_once(shop: Shop, local: LocalDirectory) -> None:
    """The hostname's group is gone: it is no name of the application's any more."""
    shop.corridor.do(commands.AddGroup("docs", label="docs", primary="eu"))
    shop.request("docs.failover.test")
    assert shop.issued().facts.names == ("docs.failover.test",)
    shop.do(commands.SetGroup("docs", primary="", override=("active-side",)))
    shop.log.clear()
    for _ in range(200):
        shop.tick(30)
    shop.tick(70 * DAY)
    for _ in range(200):
        shop.tick(30)
    assert len(shop.log) == 1
    assert "is due: 'docs.failover.test' is in a zone of ours" in shop.log[0]
    assert len(local.orders) == 1


def test_both_hostnames_are_renewed_though_one_group_is_switched_away(shop: Shop) -> None:
    """An application that is active somewhere renews all that its certificate has."""
    shop.corridor.do(commands.AddGroup("docs", label="docs", primary="eu", backup="us"))
    names = (HOSTNAME, "docs.failover.test")
    shop.request(*names)
    first = shop.issued()
    shop.do(commands.Switch(("docs",)))
    shop.tick(70 * DAY)
    assert shop.issued() != first
    assert shop.issued().facts.names == tuple(sorted(names))


def test_the_inactive_side_is_never_renewed_until_a_switch_makes_it_active(
    shop: Shop, local: LocalDirectory
) -> None:
    shop.request()
    local.lifetime = 300 * DAY
    shop.do(commands.Switch(("shop",)))
    left = shop.issued("eu")
    shop.tick(70 * DAY)
    assert shop.issued("eu") == left
    assert shop.issued("us").facts != left.facts
    assert len(local.orders) == 2
    assert shop.corridor.refuse(commands.RequestCertificate("eu")).code == "refused"
    for _ in range(10):
        shop.tick(12 * HOUR)
    assert len(local.orders) == 2
    shop.do(commands.Switch(("shop",)))
    assert shop.issued("eu").facts == shop.issued("us").facts
    shop.tick(150 * DAY)
    assert len(local.orders) == 3


STEPS = range(1, 8)
"""The calls that an order makes, its account's included."""


@pytest.mark.parametrize("step", STEPS)
def test_a_switch_in_the_middle_takes_the_order_along(shop: Shop, step: int) -> None:
    """Wherever it is: what the CA issues is installed where the traffic is by then."""
    switched: list[int] = []

    def switch(number: int) -> None:
        if number == step:
            switched.append(number)
            shop.corridor.do(commands.Switch(("shop",)))

    shop.before_call = switch
    shop.request()
    shop.tick()
    if switched:
        assert shop.issued("us").facts.names == (HOSTNAME,)
        assert shop.certificate("eu") is None
    else:
        assert shop.issued("eu").facts.names == (HOSTNAME,)
    assert shop.orders == []
    assert len(shop.local.orders) == 1


@pytest.mark.parametrize("step", STEPS)
def test_a_switch_to_a_side_that_keeps_other_names_installs_nothing(shop: Shop, step: int) -> None:
    """The order waits for its application to become active again, and goes on then."""
    issued = make_authority().issue("docs.shop.example")
    bundle, facts = read_bundle(issued.chain, issued.key)
    shop.do(commands.InstallCertificate("us", bundle, facts))
    shop.request()
    shop.tick(70 * DAY - 1)
    before = shop.issued("eu")
    shop.calls, done = 0, list[int]()

    def switch(number: int) -> None:
        if number == step and not done:
            done.append(number)
            override = ("certificate-names", "certificate-expired")
            shop.corridor.do(commands.Switch(("shop",), override=override))

    shop.before_call = switch
    shop.corridor.do(commands.RequestCertificate("eu"))
    shop.renewals.begin_orders()
    assert shop.issued("us").facts == facts
    if not done:
        return
    assert shop.issued("eu") == before
    assert shop.texts(f"_acme-challenge.{HOSTNAME}") is None
    override = ("certificate-names", "certificate-expired")
    shop.do(commands.Switch(("shop",), override=override))
    shop.tick()
    assert shop.issued("eu") != before
    assert shop.orders == []


@pytest.mark.parametrize("step", STEPS)
def test_an_order_that_is_dropped_in_the_middle_installs_nothing(shop: Shop, step: int) -> None:
    """`certificate remove`: no key and no challenge is left of it."""
    dropped: list[int] = []

    def drop(number: int) -> None:
        if number == step:
            dropped.append(number)
            shop.corridor.do(commands.RemoveCertificate("eu"))

    shop.before_call = drop
    shop.request()
    shop.tick()
    if dropped:
        assert shop.certificate("eu") is None
        assert set(shop.corridor.store.bundles) <= {f"account/{shop.local.url}"}
    assert shop.orders == []
    assert shop.texts(f"_acme-challenge.{HOSTNAME}") is None


@pytest.mark.parametrize("step", STEPS)
def test_after_a_kill_nothing_is_ordered_twice(shop: Shop, step: int) -> None:
    """Before any step: it goes on where it was, and one certificate comes of it."""
    killed: list[int] = []

    def kill(number: int) -> None:
        if number == step:
            killed.append(number)
            raise Killed

    shop.before_call = kill
    try:
        shop.request()
    except Killed:
        shop.before_call = lambda number: None
        shop.begin()
        shop.tick()
    assert shop.issued().facts.names == (HOSTNAME,)
    assert shop.orders == []
    assert len(shop.local.orders) == 1
    assert sum(order.chain is not None for order in shop.local.orders) == 1


def test_an_account_that_the_ca_lost_is_opened_again(shop: Shop, local: LocalDirectory) -> None:
    """With the same key; as happens when a CA for tests is set up anew."""
    shop.request()
    local.accounts.clear()
    shop.tick(70 * DAY)
    (order,) = shop.orders
    assert "accountDoesNotExist" in (order.problem or "")
    shop.tick(16 * MINUTE)
    assert shop.orders == []
    assert len(local.accounts) == 1


def test_an_external_account_is_bound(local: LocalDirectory, tmp_path: Path) -> None:
    """With the key from its file, read when it is needed."""
    local.binding = ("kid-1", "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0")
    file = tmp_path / "eab.key"
    shop = Shop(local, external_account=ExternalAccount("kid-1", file))
    shop.request()
    assert "eab.key" in (shop.orders[0].problem or "")
    file.write_text(local.binding[1] + "\n")
    shop.tick(16 * MINUTE)
    assert shop.issued().facts.names == (HOSTNAME,)


@pytest.mark.parametrize(
    ("key_type", "called"), [("ec384", "ECDSA P-384"), ("rsa2048", "RSA 2048")]
)
def test_key_type_and_profile_are_as_configured(
    local: LocalDirectory, key_type: str, called: str
) -> None:
    local.profiles = {"shortlived": "six days"}
    shop = Shop(local, key_type=key_type, profile="shortlived")
    shop.request()
    assert shop.issued().facts.key_type == called
    assert local.orders[0].profile == "shortlived"


def test_another_ca_takes_over_what_was_ordered(
    shop: Shop, local: LocalDirectory, tmp_path: Path
) -> None:
    """An order that was placed at the one before fails once there, and is placed anew."""
    local.fail("challenge", *[refusal(500, "serverInternal", "down")] * 20)

    def kill(number: int) -> None:
        if number == 5:
            raise Killed

    shop.before_call = kill
    with pytest.raises(Killed):
        shop.request()
    assert shop.orders[0].url is not None
    (tmp_path / "other").mkdir()
    with LocalDirectory(tmp_path / "other") as other:
        shop.before_call = lambda number: None
        for name, value in {"directory": other.url, "ca_file": other.ca_file}.items():
            object.__setattr__(shop.settings, name, value)
        shop.begin()
        shop.tick()
        shop.tick(16 * MINUTE)
        assert shop.issued().facts.names == (HOSTNAME,)
        assert len(other.orders) == 1


def test_stopping_ends_what_is_under_way_and_it_is_not_called_a_failure(
    shop: Shop, local: LocalDirectory
) -> None:
    def stop(number: int) -> None:
        if number == 4:
            shop.renewals.stop()

    shop.before_call = stop
    shop.request()
    (order,) = shop.orders
    assert order.failures == 0
    shop.before_call = lambda number: None
    shop.begin()
    shop.tick()
    assert shop.orders == []
