"""Which changes of the configuration need a restart; all others take effect on a reload."""

from __future__ import annotations

from dataclasses import replace

from failoverdns.model.settings import Config, ControlSettings, DeliverySettings


def takes_restart(old: Config, new: Config) -> tuple[str, ...]:
    """Return the sections whose change needs a restart; none if a reload is enough."""
    fixed = {
        "control": _without_roles(old.control) != _without_roles(new.control),
        "state": old.state != new.state,
        "querylog": old.querylog != new.querylog,
        "user": old.user != new.user,
        "workers": old.workers != new.workers,
        "certificates": old.certificates != new.certificates and old.state == new.state,
        "delivery": _fixed(old.delivery) != _fixed(new.delivery),
    }
    return tuple(name for name, differs in fixed.items() if differs)


def _fixed(settings: DeliverySettings | None) -> DeliverySettings | None:
    """Return the settings of the delivery without those that a reload applies."""
    if settings is None:
        return None
    return replace(settings, clients=(), revoked=(), client_crl=None)


def _without_roles(settings: ControlSettings) -> ControlSettings:
    return replace(settings, roles=None)
