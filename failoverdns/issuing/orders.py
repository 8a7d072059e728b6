"""Orders under way: take each through the CA, a limited number at a time.

    place the order -> serve its challenges -> look them up -> have them validated
        -> take them away
        -> finalize -> install

Every arrow is a command to the ledger: what happened at the CA is durable before the next step, and
challenges are visible in every answering process before the CA is asked to validate them.  So an
order continues after a restart, and a switch moves it while it is under way.  Before each step the
rules are asked whether the order's application is active: if it is not, the order stops, its
challenges are removed, and it waits.

| the ledger refuses a step   | then                                                     |
|-----------------------------|----------------------------------------------------------|
| `not-found`                 | the order was dropped                                    |
| `refused`                   | it waits until a switch makes its application active     |
| `invalid`                   | it failed: it is tried again later                       |
| in any other way            | nothing is known to be wrong: it continues in a minute   |

Does not know ACME (`issuing.directory`), threads and clocks.
"""

from __future__ import annotations

from collections import deque

from failoverdns.issuing.accounts import Accounts
from failoverdns.issuing.delegations import check_delegations, explained
from failoverdns.issuing.directory import AcmeProblem, Directory
from failoverdns.issuing.effects import IssuingEffects
from failoverdns.issuing.problems import NO_ACCOUNT, RATE_LIMITED
from failoverdns.model.certificate import (
    Account,
    Bundle,
    CertificateKind,
    Challenge,
    Order,
    Secret,
)
from failoverdns.model.commands.certificates import (
    FailOrder,
    IssueCertificate,
    PlaceOrder,
    SetChallenges,
)
from failoverdns.model.errors import Corrupt, Rejected
from failoverdns.model.settings import AcmeSettings
from failoverdns.pki.certificates import judged, read_bundle
from failoverdns.pki.key_pairs import new_key, signing_request
from failoverdns.rules.decisions.ordering import check_order
from failoverdns.rules.derived.challenges import base_name, challenge_owners
from failoverdns.rules.derived.renewing import may_renew
from failoverdns.rules.derived.view import View
from failoverdns.store.interface import Unavailable

VALIDATION_DEADLINE = 180.0
FINALIZATION_DEADLINE = 180.0
"""Seconds that the CA may take to validate challenges, and to issue."""

CONCURRENT = 4
"""Orders under way at a time."""

WAIT = 60.0
"""Seconds before an order is tried again for which the ledger or the vault was busy."""

DEFECT_WAIT = 3600.0
"""Seconds before an order is tried again that met a defect, in this program or in the vault."""

PLACED_AT_MOST, PLACED_IN = 250, 3 * 3600.0
"""At most PLACED_AT_MOST orders are placed in PLACED_IN seconds: Let's Encrypt allows 300."""

HOLD = 900.0
"""Seconds without new orders after the CA refused one for its rate limit, at most."""


class Orders:
    """All orders that are placed with one account."""

    def __init__(self, settings: AcmeSettings, effects: IssuingEffects, accounts: Accounts) -> None:
        self._settings = settings
        self._effects = effects
        self._accounts = accounts
        self._running: set[str] = set()
        self._withdrawing: set[str] = set()
        self._waiting: dict[str, float] = {}
        """Until when an order (by id) waits for a reason that is not in the state."""
        self._placed: deque[float] = deque()
        self._held_until = 0.0
        self._stopped = False

    def begin(self) -> None:
        """Start the orders that may start; remove the challenges of those that may not.

        While the state cannot be written, no order starts: what the CA does could not be recorded.
        """
        if self._stopped or not self._effects.can_record():
            return
        state, now = self._effects.state(), self._effects.now()
        orders = list(state.orders())
        self._waiting = {id_: at for id_, at in self._waiting.items() if at > now}
        for order in orders:
            application = state.application(order.application)
            if application is None or not may_renew(state, application):
                self._withdraw(order)
            elif self._may_begin(order, now):
                self._running.add(order.id)
                self._effects.spawn(self._carry_out(order.id))

    def stop(self) -> None:
        """Start no more orders."""
        self._stopped = True

    def _may_begin(self, order: Order, now: float) -> bool:
        """Return whether an active application's order may start; only one opens an account."""
        if order.id in self._running or order.id in self._waiting or order.retry_at > now:
            return False
        account = self._accounts.known()
        if account is None and (self._running or now < self._accounts.held_until):
            return False
        if len(self._running) >= CONCURRENT:
            return False
        return _is_placed(order, account) or self._may_place(now)

    def _may_place(self, now: float) -> bool:
        while self._placed and self._placed[0] <= now - PLACED_IN:
            self._placed.popleft()
        return now >= self._held_until and len(self._placed) + len(self._running) < PLACED_AT_MOST

    def _withdraw(self, order: Order) -> None:
        if order.challenges and order.id not in self._withdrawing:
            self._withdrawing.add(order.id)
            self._effects.spawn(self._take_away(order.id))

    async def _take_away(self, id_: str) -> None:
        try:
            await self._effects.submit(SetChallenges(id_, ()))
        except Rejected as refusal:
            self._effects.log(f"the challenges of order {id_} are still served: {refusal.message}")
        finally:
            self._withdrawing.discard(id_)

    async def _carry_out(self, id_: str) -> None:
        """Take an order through the CA, and record a failure."""
        wait = DEFECT_WAIT
        try:
            wait = await self._attempt(id_)
        finally:
            self._running.discard(id_)
            if wait > 0.0:
                self._waiting[id_] = self._effects.now() + wait
        self.begin()

    async def _attempt(self, id_: str) -> float:
        """Take an order as far as possible; return the seconds to wait before the next attempt."""
        try:
            await self._issue_with_an_account(id_)
        except AcmeProblem as problem:
            return 0.0 if self._stopped else await self._note(id_, problem)
        except Rejected as refusal:
            if refusal.code == "invalid":
                return await self._fail(FailOrder(id_, refusal.message, is_final=True))
            if refusal.code not in ("not-found", "refused"):
                self._effects.log(f"order {id_} waits: {refusal.message}")
                return WAIT
            self._effects.log(f"order {id_} was stopped: {refusal.message}")
        except (Unavailable, Corrupt) as fault:
            self._effects.log(f"order {id_} waits: {fault}")
            return WAIT if isinstance(fault, Unavailable) else DEFECT_WAIT
        return 0.0

    async def _issue_with_an_account(self, id_: str) -> None:
        """Issue a certificate; if the CA has lost the account, open one and order again at once."""
        try:
            await self._issue(id_)
        except AcmeProblem as problem:
            if problem.code != NO_ACCOUNT or self._stopped:
                raise
            self._effects.log(f"the account is opened again: {problem}")
            self._accounts.lose()
            await self._issue(id_, afresh=True)

    async def _issue(self, id_: str, *, afresh: bool = False) -> None:
        """Take an order through the CA; with `afresh` from the beginning, wherever it is placed."""
        account, key = await self._accounts.current()
        directory = self._accounts.directory(key, account.uri)
        if afresh or not _is_placed(self._checked(id_), account):
            await self._place(directory, account, id_)
        url = self._checked(id_).url or ""
        asked = await self._effects.in_thread(lambda: directory.challenges(url))
        if asked:
            await self._effects.submit(SetChallenges(id_, self._challenges(id_, asked)))
            await check_delegations(self._effects, self._same(id_, url), asked)
            await self._validate(directory, id_, url)
        await self._effects.submit(SetChallenges(id_, ()))
        private = await self._accounts.private_key(self._same(id_, url).key or "")
        if private is None:
            raise Rejected("invalid", "its private key is not in the vault")
        request = signing_request(private, self._same(id_, url).names)
        chain: str = await self._effects.in_thread(
            lambda: directory.finalize(url, request, FINALIZATION_DEADLINE)
        )
        bundle, facts = read_bundle(chain, private.reveal())
        facts, faults = judged(facts, bundle.chain, self._effects.anchors(), self._effects.now())
        if faults:
            raise Rejected("invalid", f"clients refuse what the CA issued: {'; '.join(faults)}")
        await self._effects.submit(IssueCertificate(id_, bundle, facts))
        self._effects.log(f"issued: {', '.join(facts.names)}, {facts.fingerprint[:16]}")

    async def _validate(self, directory: Directory, id_: str, url: str) -> None:
        """Let the CA validate the challenges, which are served. Raises AcmeProblem, explained."""
        order, effects = self._same(id_, url), self._effects
        try:
            await effects.in_thread(lambda: directory.validate(url, VALIDATION_DEADLINE))
        except AcmeProblem as problem:
            looked_up = effects.has_resolvers()
            raise explained(effects.state(), order, problem, looked_up=looked_up) from None

    async def _place(self, directory: Directory, account: Account, id_: str) -> None:
        """Place an order at the CA, and record its URL and key at once."""
        private: Secret = await self._effects.in_thread(lambda: new_key(self._settings.key_type))
        order = self._checked(id_)
        replaces = _replaced(self._effects.state(), order)
        self._placed.append(self._effects.now())
        url: str = await self._effects.in_thread(
            lambda: directory.place(order.names, self._settings.profile, replaces)
        )
        bundle = Bundle(f"{id_}/key", "", private)
        await self._effects.submit(PlaceOrder(id_, url, bundle, account.uri))

    def _checked(self, id_: str) -> Order:
        """Return an order that may continue. Raises Rejected."""
        if self._stopped:
            raise Rejected("unavailable", "this server is being stopped or reconfigured")
        if not self._effects.can_record():
            raise Rejected("unavailable", "the state cannot be written")
        return check_order(self._effects.state(), id_)

    def _same(self, id_: str, url: str) -> Order:
        """Return an order that may continue, if its URL is still this one. Raises Rejected."""
        order = self._checked(id_)
        if order.url != url:
            raise Rejected("refused", f"order {id_} was placed again")
        return order

    def _challenges(self, id_: str, asked: tuple[tuple[str, str], ...]) -> tuple[Challenge, ...]:
        """Return the challenges to serve; raises Rejected if the CA asks for a name not ordered."""
        state = self._effects.state()
        ordered = {base_name(name) for name in self._checked(id_).names}
        found = []
        for name, value in asked:
            base = base_name(name)
            if base not in ordered:
                raise Rejected("invalid", f"the CA wants to validate {name}, which is not ordered")
            found += [Challenge(owner, value) for owner in challenge_owners(state, base)]
        return tuple(found)

    async def _note(self, id_: str, problem: AcmeProblem) -> float:
        """Record a failure at the CA, for the order and, where it concerns them, for all others."""
        if problem.code == NO_ACCOUNT:
            self._accounts.lose()
        if problem.code == RATE_LIMITED:
            after = HOLD if problem.retry_after is None else problem.retry_after
            self._held_until = self._effects.now() + min(after, HOLD)
        final = problem.is_final
        return await self._fail(FailOrder(id_, str(problem), problem.retry_after, final))

    async def _fail(self, failure: FailOrder) -> float:
        id_ = failure.order
        try:
            await self._effects.submit(failure)
        except Rejected as refusal:
            self._effects.log(f"order {id_} failed: {failure.problem}; {refusal.message}")
            return WAIT
        order = self._effects.state().order(id_)
        if order is not None:
            wait = order.retry_at - self._effects.now()
            self._effects.log(f"order {id_} failed, next try in {wait:.0f} s: {failure.problem}")
        return 0.0


def _is_placed(order: Order, account: Account | None) -> bool:
    """Return whether an order is placed at the CA, by the current account."""
    return order.url is not None and account is not None and order.account == account.uri


def _replaced(state: View, order: Order) -> str | None:
    """Return the renewal id of the certificate that an order replaces."""
    current = state.certificate(order.application)
    if current is None or current.kind is not CertificateKind.ACME:
        return None
    return current.facts.renewal_id
