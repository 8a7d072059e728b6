"""The addresses of web heads that fetched a certificate lately, as the store recorded them.

A server that has just started knows from them which connections to prefer in a flood.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from failoverdns.delivery.pull import EVERY, PullClients
from failoverdns.model.errors import Corrupt
from failoverdns.rules.derived.view import View
from failoverdns.store.interface import Store, Unavailable

FETCHES: Final = 20
"""Fetches of an application that are looked at, the newest."""


async def known_heads(
    state: View, store: Store, clients: PullClients
) -> AsyncIterator[tuple[str, float]]:
    """Yield the address of each recorded fetch, and its time in seconds since 1970.

    Only fetches of applications that `clients` may still fetch are looked at.
    """
    wanted = frozenset[str]().union(*clients.values())
    for certificate in list(state.certificates()):
        application = state.application(certificate.application)
        if application is None or not {EVERY, application.name} & wanted:
            continue
        try:
            fetches = await store.fetches(application.id, FETCHES)
        except (Unavailable, Corrupt):
            continue
        for fetch in fetches:
            yield fetch.address, fetch.time
