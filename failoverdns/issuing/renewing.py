"""Issue and renew: takes each order through the CA, and orders what is due.

    new key, place the order -> serve its challenges -> have them validated -> finalize -> install

Every arrow is a command to the ledger: what happened at the CA is durable before the next step,
and challenges are visible wherever we answer before the CA is told to look.  So an order goes on
after a restart where it was, and a switch moves it while it is under way.  When the ledger refuses
a command, because the order is no more or its application is not active, the order is let go.
Refuses to know how the CA is spoken to (`issuing.directory`), threads and clocks; who may renew,
and when, are rules.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

from failoverdns.config import AcmeSettings
from failoverdns.issuing.directory import AcmeProblem, Directory, ExternalBinding, Window
from failoverdns.model.certificate import (
    Account,
    Bundle,
    Certificate,
    CertificateKind,
    Challenge,
    Order,
    Secret,
)
from failoverdns.model.change import Change
from failoverdns.model.commands import (
    FailOrder,
    IssueCertificate,
    Mutation,
    OpenAccount,
    PlaceOrder,
    RequestCertificate,
    SetChallenges,
)
from failoverdns.model.errors import Corrupt, Rejected
from failoverdns.rules.challenges import base_name, challenge_owners
from failoverdns.rules.renewing import is_due, may_renew, retry_at
from failoverdns.rules.view import View
from failoverdns.store.interface import Store, Unavailable
from failoverdns.wire.certificates import read_bundle
from failoverdns.wire.key_pairs import new_key, signing_request

VALIDATION_DEADLINE = 180.0
FINALIZATION_DEADLINE = 180.0
"""Seconds that the CA may take."""

CONCURRENT = 4
"""Orders that are under way at a time."""

WINDOW_INTERVAL = 6 * 3600.0
"""Seconds after which the CA is asked again for its renewal window, when it cannot be reached."""

REFUSED_INTERVAL = 6 * 3600.0
"""Seconds after which a renewal that the rules refuse is tried again, unless something changes."""

AT_ONCE = 500
"""Certificates that are looked at before others get their turn."""

ACCOUNT_KEY_TYPE = "ec256"
NO_ACCOUNT = "accountDoesNotExist"


@dataclass(frozen=True, slots=True)
class Means:
    """What orders are carried out with.

    `state` returns the state as it is; `submit` gives a command of the system's own to the ledger
    and raises Rejected if it is refused; `in_thread` makes a blocking call and returns an
    awaitable of its result; `pause` lets others have their turn; `spawn` drives a coroutine to its end; `now` tells seconds since
    1970; `log` takes what an operator should read.
    """

    state: Callable[[], View]
    store: Store
    submit: Callable[[Mutation], Awaitable[None]]
    in_thread: Callable[[Callable[[], Any]], Awaitable[Any]]
    pause: Callable[[], Awaitable[None]]
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    now: Callable[[], float]
    log: Callable[[str], None]


class Renewals:
    """Everything that is issued with one ACME account."""

    def __init__(self, settings: AcmeSettings, means: Means) -> None:
        self._settings = settings
        self._means = means
        self._running: set[str] = set()
        self._windows: dict[str, tuple[Window | None, float]] = {}
        self._refused: dict[str, float] = {}
        """When to try again to renew a certificate (by bundle) that the rules refused."""
        self._asking = False
        self._opening = False
        self._is_lost = False
        """The CA does not know our account any more."""
        self._stopped = False
        self._directories: WeakSet[Directory] = WeakSet()

    def tick(self) -> None:
        """Begin what is to be done by now, orders and renewals: call it every minute or so."""
        self.begin_orders()
        if not self._asking and not self._stopped:
            self._asking = True
            self._means.spawn(self._renew())

    def announce(self, change: Change) -> None:
        """Begin what a change has made possible: a new order, or one that moved."""
        self._refused.clear()
        if any(part["kind"] in ("order", "role") for part in change.changed):
            self.begin_orders()

    def begin_orders(self) -> None:
        """Begin the orders that may begin."""
        if self._stopped:
            return
        state, now = self._means.state(), self._means.now()
        for order in list(state.orders()):
            if self._may_begin(state, order, now):
                self._running.add(order.id)
                self._means.spawn(self._carry_out(order.id))

    def stop(self) -> None:
        """End what is under way within seconds; it goes on after the next start."""
        self._stopped = True
        for directory in self._directories:
            directory.stop()

    def _may_begin(self, state: View, order: Order, now: float) -> bool:
        application = state.application(order.application)
        return (
            order.id not in self._running
            and len(self._running) < CONCURRENT
            and order.retry_at <= now
            and application is not None
            and may_renew(state, application)
        )

    async def _renew(self) -> None:
        """Order what is due, by the CA's renewal window where it has one."""
        try:
            for number, certificate in enumerate(list(self._means.state().certificates())):
                if number % AT_ONCE == AT_ONCE - 1:
                    await self._means.pause()
                if self._is_renewable(certificate):
                    window = await self._window(certificate)
                    if self._is_renewable(certificate):
                        await self._renew_one(certificate, window)
        finally:
            self._asking = False

    def _is_renewable(self, certificate: Certificate) -> bool:
        """Tell whether a certificate may be renewed, now or later, and nothing is ordered yet."""
        state = self._means.state()
        application = state.application(certificate.application)
        return (
            not self._stopped
            and certificate.kind is CertificateKind.ACME
            and application is not None
            and state.certificate(application.id) == certificate
            and may_renew(state, application)
            and state.order_for(application.id) is None
        )

    async def _renew_one(
        self, certificate: Certificate, window: tuple[float, float] | None
    ) -> None:
        """Order a certificate anew if it is due; one that the rules refuse is said once."""
        state, now, bundle = self._means.state(), self._means.now(), certificate.facts.bundle
        if not is_due(state, certificate, now, window) or self._refused.get(bundle, 0.0) > now:
            return
        application = state.application(certificate.application)
        assert application is not None
        what = f"the certificate of {application.name} is due"
        try:
            await self._means.submit(RequestCertificate(application.name))
            self._means.log(f"{what}: ordered")
        except Rejected as refusal:
            self._refused[bundle] = now + REFUSED_INTERVAL
            self._means.log(f"{what}: {refusal.message}")

    async def _window(self, certificate: Certificate) -> tuple[float, float] | None:
        """Return the CA's renewal window of a certificate, asking again when it wants that."""
        id_, now = certificate.facts.renewal_id, self._means.now()
        if id_ is None:
            return None
        window, again = self._windows.get(id_, (None, 0.0))
        if now >= again:
            try:
                account, key = await self._account()
                directory = self._directory(key, account.uri)
                window = await self._means.in_thread(lambda: directory.renewal_window(id_))
                again = window.check_again if window is not None else now + WINDOW_INTERVAL
            except (AcmeProblem, Rejected, Unavailable, Corrupt) as problem:
                after = problem.retry_after if isinstance(problem, AcmeProblem) else None
                again = now + max(after or 0.0, WINDOW_INTERVAL)
                self._means.log(f"no renewal information: {problem}")
            self._windows[id_] = (window, again)
        return (window.start, window.end) if window is not None else None

    async def _carry_out(self, id_: str) -> None:
        """Take an order through the CA, and note what went wrong."""
        try:
            await self._issue(id_)
        except AcmeProblem as problem:
            if self._stopped:
                return
            self._is_lost = self._is_lost or problem.code == NO_ACCOUNT
            await self._fail(id_, str(problem), problem.retry_after)
        except Rejected as refusal:
            if refusal.code in ("not-found", "refused"):
                self._means.log(f"order {id_} was let go: {refusal.message}")
            elif refusal.code == "invalid":
                await self._fail(id_, refusal.message, None)
            else:
                self._means.log(f"order {id_} waits: {refusal.message}")
        except (Unavailable, Corrupt) as fault:
            self._means.log(f"order {id_} waits: {fault}")
        finally:
            self._running.discard(id_)
        self.begin_orders()

    async def _issue(self, id_: str) -> None:
        account, key = await self._account()
        directory = self._directory(key, account.uri)
        order = self._order(id_)
        if order.url is None:
            await self._place(directory, order)
        url = self._order(id_).url
        assert url is not None
        asked = await self._means.in_thread(lambda: directory.challenges(url))
        if asked:
            await self._means.submit(SetChallenges(id_, self._challenges(asked)))
            await self._means.in_thread(lambda: directory.validate(url, VALIDATION_DEADLINE))
        order = self._order(id_)
        private = await self._key(order.key or "")
        request = signing_request(private, order.names)
        chain: str = await self._means.in_thread(
            lambda: directory.finalize(url, request, FINALIZATION_DEADLINE)
        )
        bundle, facts = read_bundle(chain, private.reveal())
        await self._means.submit(IssueCertificate(id_, bundle, facts))
        self._means.log(f"issued: {', '.join(facts.names)}, {facts.fingerprint[:16]}")

    async def _place(self, directory: Directory, order: Order) -> None:
        """Place an order at the CA; where it is there, and its key, are kept at once."""
        private = await self._means.in_thread(lambda: new_key(self._settings.key_type))
        current = self._means.state().certificate(order.application)
        replaces = None
        if current is not None and current.kind is CertificateKind.ACME:
            replaces = current.facts.renewal_id
        url = await self._means.in_thread(
            lambda: directory.place(order.names, self._settings.profile, replaces)
        )
        bundle = Bundle(f"{order.id}/key", "", private)
        await self._means.submit(PlaceOrder(order.id, url, bundle))

    def _challenges(self, asked: tuple[tuple[str, str], ...]) -> tuple[Challenge, ...]:
        state = self._means.state()
        return tuple(
            Challenge(owner, value)
            for name, value in asked
            for owner in challenge_owners(state, base_name(name))
        )

    async def _fail(self, id_: str, text: str, retry_after: float | None) -> None:
        now = self._means.now()
        order = self._means.state().order(id_)
        if order is None:
            return
        again = retry_at(order.failures + 1, now, retry_after)
        self._means.log(f"order {id_} failed, next try in {again - now:.0f} s: {text}")
        try:
            await self._means.submit(FailOrder(id_, text, again))
        except Rejected as refusal:
            self._means.log(f"order {id_}: {refusal.message}")

    async def _account(self) -> tuple[Account, Secret]:
        """Return our account at the directory and its key, opening one the first time."""
        url = self._settings.directory
        account = self._means.state().account(url)
        if account is None or self._is_lost:
            if self._opening:
                raise Rejected("busy", "the account is being opened")
            self._opening = True
            try:
                await self._open_account(account)
                self._is_lost = False
            finally:
                self._opening = False
            account = self._means.state().account(url)
            assert account is not None
        return account, await self._key(account.key)

    async def _open_account(self, lost: Account | None) -> None:
        """Open an account, with the key of one that the CA lost."""
        settings = self._settings
        if lost is None:
            private = await self._means.in_thread(lambda: new_key(ACCOUNT_KEY_TYPE))
        else:
            private = await self._key(lost.key)
        directory = self._directory(private, None)
        uri: str = await self._means.in_thread(
            lambda: directory.register(settings.contact, self._binding())
        )
        id_ = f"account/{settings.directory}"
        await self._means.submit(
            OpenAccount(Account(settings.directory, uri, id_), Bundle(id_, "", private))
        )
        self._means.log(f"opened the account {uri}")

    def _binding(self) -> ExternalBinding | None:
        """Read the external account's key; raises AcmeProblem. Called in a thread."""
        external = self._settings.external_account
        if external is None:
            return None
        try:
            text = external.hmac_key_file.read_text("ascii").strip()
        except (OSError, ValueError) as fault:
            raise AcmeProblem(f"{external.hmac_key_file}: {fault}") from None
        return ExternalBinding(external.key_id, text)

    def _directory(self, key: Secret, uri: str | None) -> Directory:
        settings = self._settings
        directory = Directory(settings.directory, key, uri, ca_file=settings.ca_file)
        self._directories.add(directory)
        return directory

    def _order(self, id_: str) -> Order:
        order = self._means.state().order(id_)
        if order is None:
            raise Rejected("not-found", f"order {id_} is no more")
        return order

    async def _key(self, id_: str) -> Secret:
        bundle = await self._means.store.bundle(id_)
        if bundle is None:
            raise Rejected("invalid", "its private key is not in the vault")
        return bundle.key
