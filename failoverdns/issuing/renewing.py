"""Renewals: order the certificates that are due, by the CA's renewal window where it has one.

What is due, who may renew and for which names are rules; `issuing.orders` carries out an order.
An application is ordered for automatically only once in a while, so that a CA whose certificates
are due as soon as they are issued is not asked for more and more.
Does not know ACME (`issuing.directory`), threads and clocks.
"""

from __future__ import annotations

from failoverdns.issuing.accounts import Accounts
from failoverdns.issuing.effects import IssuingEffects
from failoverdns.issuing.orders import Orders
from failoverdns.issuing.windows import Windows
from failoverdns.model.application import Application
from failoverdns.model.certificate import Certificate, CertificateKind
from failoverdns.model.change import Change
from failoverdns.model.commands.certificates import RequestCertificate
from failoverdns.model.errors import Rejected
from failoverdns.model.settings import AcmeSettings
from failoverdns.rules.derived.renewing import is_due, may_renew, renewal_fault

__all__ = ["IssuingEffects", "Renewals"]

AT_ONCE = 100
"""Certificates that are checked before other work gets its turn."""

RENEWED_INTERVAL = 86400.0
"""Seconds in which a certificate is renewed automatically once; a quarter of a short lifetime."""

_KINDS = ("account", "order", "role")
"""The kinds of entities whose change may let an order start, or make it wait."""


class Renewals:
    """All orders and renewals of one ACME account."""

    def __init__(self, settings: AcmeSettings, effects: IssuingEffects) -> None:
        self._effects = effects
        self._accounts = Accounts(settings, effects)
        self._orders = Orders(settings, effects, self._accounts)
        self._windows = Windows(effects, self._accounts)
        self._ordered: dict[str, float] = {}
        """Until when an application (by id) is not ordered for again."""
        self._looking = False
        self._stopped = False

    def tick(self) -> None:
        """Start the orders and renewals that are due: call it every minute or so."""
        self._orders.begin()
        if not self._looking and not self._stopped and self._effects.can_record():
            self._looking = True
            self._effects.spawn(self._renew())

    def announce(self, change: Change) -> None:
        """Start the orders that a change has made possible: a new one, or one that moved."""
        if any(part["kind"] in _KINDS for part in change.changed):
            self._orders.begin()

    def stop(self) -> None:
        """Stop within seconds; orders continue after the next start."""
        self._stopped = True
        self._orders.stop()
        self._accounts.stop()

    async def _renew(self) -> None:
        """Check every certificate once, and order those that are due."""
        now = self._effects.now()
        self._ordered = {id_: until for id_, until in self._ordered.items() if until > now}
        seen: set[str] = set()
        try:
            for number, certificate in enumerate(list(self._effects.state().certificates())):
                if number % AT_ONCE == AT_ONCE - 1:
                    await self._effects.pause()
                if self._renewable(certificate) is None:
                    continue
                if certificate.facts.renewal_id is not None:
                    seen.add(certificate.facts.renewal_id)
                window = await self._windows.window(certificate)
                application = self._renewable(certificate)
                if application is not None:
                    await self._renew_one(application, certificate, window)
            self._windows.keep(seen)
        except Rejected as refusal:  # the ledger takes no commands now
            self._effects.log(f"renewals wait: {refusal.message}")
        finally:
            self._looking = False

    def _renewable(self, certificate: Certificate) -> Application | None:
        """Return the application of a certificate that may be renewed, now or later.

        None if an order for it exists already.
        """
        if self._stopped or certificate.kind is not CertificateKind.ACME:
            return None
        state = self._effects.state()
        application = state.application(certificate.application)
        if (
            application is None
            or state.certificate(application.id) != certificate
            or state.order_for(application.id) is not None
            or not may_renew(state, application)
        ):
            return None
        return application

    async def _renew_one(
        self,
        application: Application,
        certificate: Certificate,
        window: tuple[float, float] | None,
    ) -> None:
        """Order a certificate again if it is due.

        One that cannot be renewed is skipped: `rules.decisions.certificates.warnings` reports it.
        Raises Rejected if the ledger refuses the order for any other reason.
        """
        state, now, facts = self._effects.state(), self._effects.now(), certificate.facts
        if (
            not is_due(state, certificate, now, window)
            or application.id in self._ordered
            or renewal_fault(state, application, facts.names) is not None
        ):
            return
        try:
            await self._effects.submit(RequestCertificate(application.name, again=True))
        except Rejected as refusal:
            if refusal.code in ("invalid", "refused", "not-found"):  # it has just changed
                return
            raise
        lifetime = facts.not_after - facts.not_before
        self._ordered[application.id] = now + min(RENEWED_INTERVAL, lifetime / 4)
        self._effects.log(f"the certificate of {application.name} is due: ordered")
