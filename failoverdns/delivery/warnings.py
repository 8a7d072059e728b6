"""Warnings about certificates, their delivery, and the disk, each logged at most once a day."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from failoverdns.delivery.pull import EVERY
from failoverdns.model.settings import Config
from failoverdns.model.store_condition import StoreCondition
from failoverdns.rules.derived.view import View
from failoverdns.rules.reports.certificate_reports import warnings

WARNING_INTERVAL = 86400.0
"""Seconds before the same warning is logged again."""

AT_ONCE = 100
"""Certificates that are checked before other work gets its turn."""


class Warnings:
    """The warnings that were logged, and when."""

    def __init__(self, log: Callable[[str], None]) -> None:
        """Prepare; `log` is called with each warning that is due."""
        self._log = log
        self._logged: dict[str, float] = {}

    def look(
        self,
        state: View,
        config: Config,
        condition: StoreCondition,
        now: float,
        others: Iterable[str] = (),
    ) -> Iterator[None]:
        """Log the warnings that are due; each step of the iterator is a small part of the work.

        `condition` is that of the store; `now` in seconds since 1970; `others` are found elsewhere.
        """
        self._logged = {t: at for t, at in self._logged.items() if now - at < WARNING_INTERVAL}
        for number, certificate in enumerate(list(state.certificates())):
            if number % AT_ONCE == AT_ONCE - 1:
                yield
            application = state.application(certificate.application)
            for warning in warnings(state, application, now) if application is not None else ():
                text = f"application {application.name}: {warning}" if application else warning
                self._warn(text, now)
        for text in (*_unknown(config, state), *others):
            self._warn(text, now)
        if not condition.has_room:
            self._warn(f"the disk with the state {config.state.sqlite} is almost full", now)

    def _warn(self, text: str, now: float) -> None:
        if text not in self._logged:
            self._logged[text] = now
            self._log(text)


def _unknown(config: Config, state: View) -> Iterator[str]:
    """Yield a warning for each application in the configuration that does not exist."""
    named = {f"hooks.{hook.name}": set(hook.applications or ()) for hook in config.hooks}
    clients = config.delivery.clients if config.delivery is not None else ()
    named |= {f"delivery.clients.{name}": set(applications) for name, applications in clients}
    for place, applications in named.items():
        for name in sorted(applications - {EVERY}):
            if state.application_named(name) is None:
                yield f"{place}: there is no application {name!r}; was it renamed?"
