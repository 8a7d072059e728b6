"""The state with other zones: what the rules would read after a change that is not decided yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from failoverdns.model.names import DomainName
from failoverdns.model.zone import Zone
from failoverdns.rules.derived.apex import aliases_of
from failoverdns.rules.derived.stored import zones_with
from failoverdns.rules.derived.view import View


def reconfigured(view: View, zones: Iterable[Zone]) -> View:
    """Return a view of the state that serves `zones`; all else is as in `view`."""
    return cast(View, _Reconfigured(view, zones))


def with_zone(view: View, zone: Zone) -> View:
    """Return a view of the state that serves `zone` as it is in place of the one of this name."""
    return cast(View, _WithZone(view, zone))


class _WithZone:
    """A view with another version of one zone; everything else is read from the view below."""

    def __init__(self, view: View, zone: Zone) -> None:
        self._view = view
        self._zone = zone

    @property
    def zones(self) -> tuple[Zone, ...]:
        """The zones that are served, with the other version."""
        origin = self._zone.origin
        return tuple(self._zone if zone.origin == origin else zone for zone in self._view.zones)

    def zone(self, origin: DomainName) -> Zone | None:
        """Return the zone with this origin; None if it is not served."""
        return self._zone if origin == self._zone.origin else self._view.zone(origin)

    def __getattr__(self, name: str) -> Any:
        """Read everything else from the view below."""
        return getattr(self._view, name)


class _Reconfigured:
    """A view whose zones are others; everything else is read from the view below."""

    def __init__(self, view: View, zones: Iterable[Zone]) -> None:
        self._view = view
        self._zones = {zone.origin: zone for zone in zones_with(view, zones)}

    @property
    def zones(self) -> tuple[Zone, ...]:
        """The zones that are served after the reload."""
        return tuple(self._zones.values())

    @property
    def aliases(self) -> Mapping[DomainName, tuple[DomainName, ...]]:
        """The origins of the zones that have an alias after the reload, by its hostname."""
        return aliases_of(self._zones.values())

    def zone(self, origin: DomainName) -> Zone | None:
        """Return the zone with this origin; None if it is not served after the reload."""
        return self._zones.get(origin)

    def __getattr__(self, name: str) -> Any:
        """Read everything else from the view below."""
        return getattr(self._view, name)
