"""Count the probes of many heads that die at once, and are back together, on a virtual clock.

The probe loop and the rules of health are those of the server; only heads and time are simulated.
The first case is a site whose machines are off: each probe runs into its timeout.  In the second
one they refuse connections at once, which is the most work.  After five minutes all heads are well
again: then it counts how far apart the first and the last of them are seen up, because a group
whose sides are seen up further apart than its grace would switch.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from ipaddress import IPv4Address
from random import Random
from statistics import median

from measuring import print_table
from twisted.internet.task import Clock

from failoverdns.automation.watched import Seen, seen_after
from failoverdns.model.health import Cause, Check, CheckKind, Health, ProbeResult, ProbeTarget
from failoverdns.model.policy import Policy
from failoverdns.probing.probe_loop import TICK, Probing

CALM, DEAD, AFTER = 60.0, 300.0, 60.0
"""Seconds before the heads die, until they are back, and after that."""

CHECK = Check("web", CheckKind.TCP, 80)
"""A check with the defaults."""

CASES = {"silent": CHECK.timeout, "refusing": 0.001}
"""Seconds that a probe of a dead head takes."""


@dataclass
class Site:
    """Many heads that live and die together, and what the server learns about them."""

    takes: float
    """Seconds that a probe of a dead head takes."""
    clock: Clock = field(default_factory=Clock)
    is_dead: bool = False
    waiting: int = 0
    begun: Counter[int] = field(default_factory=Counter)
    """The number of probes that began in each second."""
    seen: dict[int, Seen] = field(default_factory=dict)
    down: dict[int, float] = field(default_factory=dict)
    up: dict[int, float] = field(default_factory=dict)
    _ends: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _number: int = 0

    def probe(self, target: ProbeTarget, done: Callable[[ProbeResult], None]) -> None:
        """Begin a probe, whose result is that of the head as it is now."""
        result = ProbeResult(None, "", 0.05)
        if self.is_dead:
            result = ProbeResult(Cause.TIMEOUT, "", self.takes)
        self.begun[int(self.clock.seconds())] += 1
        self._number += 1
        at = self.clock.seconds() + result.seconds
        heappush(self._ends, (at, self._number, lambda: done(result)))

    def stop(self) -> None:
        """End every probe."""
        self._ends.clear()

    def learn(self, key: int, result: ProbeResult) -> bool:
        """Count a result; return whether the head is settled."""
        before, now = self.seen.get(key), self.clock.seconds()
        after = self.seen[key] = seen_after(before, result, CHECK, now)
        if before is not None and before.tally.health is not after.tally.health:
            (self.down if after.tally.health is Health.DOWN else self.up)[key] = now
        return after.is_settled

    def play(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(seconds / TICK)):
            self.clock.advance(TICK)
            while self._ends and self._ends[0][0] <= self.clock.seconds():
                heappop(self._ends)[2]()


def measure(heads: int, takes: float, seed: int) -> list[str]:
    """Return the figures of one case, as a row of text."""
    site = Site(takes)
    probing: Probing[int] = Probing(site, site.learn, site.clock, Random(seed))
    address = IPv4Address("192.0.2.1")
    probing.set_targets({n: ProbeTarget(CHECK, "a", str(n), address) for n in range(heads)})
    site.play(CALM)
    died = site.clock.seconds()
    site.is_dead = True
    site.up.clear()
    site.play(DEAD)
    back = site.clock.seconds()
    site.is_dead = False
    site.play(AFTER)
    probing.stop()
    rates = [site.begun[second] for second in range(int(died), int(died) + 60)]
    known = sorted(at - died for at in site.down.values())
    seen_up = [at - back for at in site.up.values()]
    return [
        f"{heads}",
        f"{sum(site.begun[second] for second in range(30, int(died))) / (died - 30):.0f}",
        f"{max(rates)}",
        f"{sum(rates) / len(rates):.0f}",
        f"{median(known):.1f} / {known[-1]:.1f}" if len(known) == heads else "not all",
        f"{max(seen_up) - min(seen_up):.1f}" if len(seen_up) == heads else "not all",
    ]


def main() -> None:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--heads", type=int, nargs="+", default=[50, 500, 2000], help="1 to 20000")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    heading = (
        "heads that die",
        "number",
        "probes/s before",
        "most/s",
        "mean/s, 60 s",
        "known down after s, median / last",
        "seen up apart, s",
    )
    rows = [
        (name, *measure(min(max(heads, 1), 20000), takes, arguments.seed))
        for name, takes in CASES.items()
        for heads in arguments.heads
    ]
    print_table([heading, *rows])
    print(f"the default grace is {Policy('').grace:g} s")


if __name__ == "__main__":
    main()
