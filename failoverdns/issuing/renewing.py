"""Renew: orders what is due, by the CA's renewal window where it has one.

What is due, who may renew and for which names are rules; how an order is carried out is
`issuing.orders`'.  An application is ordered for by itself once in a while only, so that a CA
whose certificates are due when they are issued is not asked for ever.
Refuses to know how the CA is spoken to (`issuing.directory`), threads and clocks.
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
"""Certificates that are looked at before others get their turn."""

RENEWED_INTERVAL = 86400.0
"""Seconds in which a certificate is renewed by itself once; a quarter of a short lifetime."""

_KINDS = ("account", "order", "role")
"""What may let an order begin, or wait."""


class Renewals:
    """Everything that is issued with one ACME account."""

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
        """Begin what is to be done by now, orders and renewals: call it every minute or so."""
        self._orders.begin()
        if not self._looking and not self._stopped:
            self._looking = True
            self._effects.spawn(self._renew())

    def announce(self, change: Change) -> None:
        """Begin what a change has made possible: a new order, or one that moved."""
        if any(part["kind"] in _KINDS for part in change.changed):
            self._orders.begin()

    def stop(self) -> None:
        """End what is under way within seconds; it goes on after the next start."""
        self._stopped = True
        self._orders.stop()
        self._accounts.stop()

    async def _renew(self) -> None:
        """Look at every certificate once, and order what is due."""
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
        except Rejected as refusal:  # the ledger takes nothing now
            self._effects.log(f"renewals wait: {refusal.message}")
        finally:
            self._looking = False

    def _renewable(self, certificate: Certificate) -> Application | None:
        """Return the application of a certificate that may be renewed, now or later.

        Nothing is ordered for it yet.
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
        """Order a certificate anew if it is due.

        One that cannot be renewed is left alone: `rules.decisions.certificates.warnings` says so.
        Raises Rejected if the ledger does not take the order for any other reason.
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
            if refusal.code in ("invalid", "refused", "not-found"):  # it changed in this moment
                return
            raise
        lifetime = facts.not_after - facts.not_before
        self._ordered[application.id] = now + min(RENEWED_INTERVAL, lifetime / 4)
        self._effects.log(f"the certificate of {application.name} is due: ordered")
