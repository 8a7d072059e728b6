"""One application that is probed: its targets, and what probes saw at each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from failoverdns.model.application import Application
from failoverdns.model.health import Check, ProbeTarget
from failoverdns.rules.derived.health import Tally
from failoverdns.rules.derived.probe_targets import TallyKey


@dataclass(frozen=True, slots=True)
class Seen:
    """A tally, and when its last result came (steady seconds)."""

    tally: Tally
    at: float


@dataclass(slots=True)
class Watched:
    """An application that is probed."""

    id: str
    """The application's id."""
    targets: Mapping[TallyKey, ProbeTarget] = field(default_factory=dict)
    seen: dict[TallyKey, Seen] = field(default_factory=dict)
    unsettled: set[str] = field(default_factory=set)
    """Heads whose state may differ from what was seen, though nothing else was seen since."""
    _places: dict[tuple[str, str], list[TallyKey]] = field(default_factory=dict)
    """The keys of a head and a check, by their names."""

    def retarget(self, targets: Mapping[TallyKey, ProbeTarget]) -> None:
        """Probe these from now on; what another check saw at the same place is forgotten."""
        before = self.targets
        self.seen = {
            key: seen
            for key, seen in self.seen.items()
            if key not in targets or _is_same_check(before.get(key), targets[key])
        }
        self.targets = targets

    def arrange(self, application: Application) -> None:
        """Note where the application is probed, and forget what was seen elsewhere."""
        self._places = {}
        for key in self.targets:
            self._places.setdefault((key.head, key.check), []).append(key)
        heads, checks = {head.name for head in application.heads}, set(application.checks)
        self.seen = {
            key: seen
            for key, seen in self.seen.items()
            if key in self.targets
            or (key.address is None and key.head in heads and key.check in checks)
        }
        self.unsettled = heads

    def keys(self, head: str, check: Check) -> list[TallyKey]:
        """Return the keys of a head's tallies by a check: of its addresses, or of the whole."""
        return self._places.get((head, check.name)) or [TallyKey(self.id, head, check.name)]

    def tallies(self, head: str, check: Check) -> list[Tally]:
        """Return these tallies; an empty one where nothing was seen."""
        seen = (self.seen.get(key) for key in self.keys(head, check))
        return [one.tally if one is not None else Tally() for one in seen]


def _is_same_check(before: ProbeTarget | None, after: ProbeTarget) -> bool:
    return before is not None and before.check == after.check
