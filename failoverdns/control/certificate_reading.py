"""What commands read of certificates: that of an application, and how sound it is for a switch.

The store has the certificates' bundles and their fetches, so that these commands wait for it.
"""

from __future__ import annotations

from typing import Final

from failoverdns.control.language.requests import Result
from failoverdns.control.source import Source
from failoverdns.model.application import Application
from failoverdns.model.certificate import Facts
from failoverdns.model.commands.certificates import ShowCertificate
from failoverdns.model.commands.groups import Preflight
from failoverdns.model.errors import Corrupt, Rejected
from failoverdns.model.timestamps import timestamp
from failoverdns.pki.certificates import judged, key_fault
from failoverdns.rules.decisions.preflight import Soundness, plan_flight, preflight_report
from failoverdns.rules.derived.entity_lookup import find_application
from failoverdns.rules.derived.view import View
from failoverdns.rules.reports.certificate_reports import certificate_report
from failoverdns.store.interface import Unavailable

SHOWN_FETCHES: Final = 20
"""Fetches that `certificate show` reports."""


async def shown_certificate(source: Source, command: ShowCertificate) -> Result:
    """Return the certificate of an application and its last fetches; raises Rejected."""
    application = find_application(source.state, command.application)
    if not has_certificate(source.state, application):
        raise Rejected("not-found", f"application {application.name!r} has no certificate")
    report = certificate_report(source.state, application, source.moment.now)
    try:
        fetches = await source.store.fetches(application.id, SHOWN_FETCHES)
    except (Unavailable, Corrupt) as fault:
        raise Rejected("unavailable", f"the fetches cannot be read: {fault}") from None
    report["fetches"] = [
        {
            "time": timestamp(fetch.time),
            "client": fetch.client,
            "address": fetch.address,
            "fingerprint": fetch.fingerprint,
            "format": fetch.format,
        }
        for fetch in fetches
    ]
    return report


async def preflight(source: Source, command: Preflight) -> Result:
    """Return what the rules say about a switch, also about the bundle in the vault."""
    flight = plan_flight(source.state, command, source.moment)
    soundness = None
    if flight.certificate is not None:
        soundness = await _soundness(source, flight.certificate.facts)
    asks_hooks = source.effects.approval() is not None
    now = source.moment.now
    return preflight_report(source.state, flight, now, soundness, asks_hooks=asks_hooks)


def has_certificate(view: View, application: Application) -> bool:
    """Return whether an application has a certificate, or an order for one."""
    found = view.certificate(application.id), view.order_for(application.id)
    return found != (None, None)


async def _soundness(source: Source, facts: Facts) -> Soundness:
    """Return what is wrong with a bundle in the vault, and with its chain as clients see it now."""
    try:
        bundle = await source.store.bundle(facts.bundle)
        if bundle is None:
            return Soundness(facts, "the vault does not have it: install the certificate again")
        seen, faults = judged(facts, bundle.chain, source.effects.anchors(), source.moment.now)
        fault = key_fault(bundle.chain, bundle.key)
    except (Unavailable, Corrupt) as problem:
        return Soundness(facts, str(problem))
    except Rejected as problem:
        return Soundness(facts, problem.message)
    return Soundness(seen, fault, faults)
