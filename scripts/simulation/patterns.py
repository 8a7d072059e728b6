"""Outages: when a head responds, and how fast, as a pure function of time and a random source.

| pattern         | the course of the outage from `BEGINS` on                                   |
|-----------------|-----------------------------------------------------------------------------|
| `hard-down`     | the primary does not respond for 20 minutes, then it recovers               |
| `blip`          | the primary does not respond for 40 seconds, once                           |
| `flapping`      | the primary is down for 90 seconds, up for 90 seconds, and so on            |
| `partial`       | one of three web servers of the primary does not respond for 20 minutes     |
| `slow`          | 30 % of the primary's responses come later than any time-out                |
| `lossy`         | 5 % of the probes of both sides are lost, and nothing else is wrong         |
| `bursts`        | no probe of either side arrives for 10 s on average, once in 10 minutes     |
| `both-down`     | the primary is down for 30 minutes, the backup for 10 of them               |
| `backup-dies`   | the primary is down for 10 minutes; after 30 minutes the backup is for 30   |
| `cut-off`       | for 5 minutes no probe is answered, because the prober is cut off           |

Clients depend on what is true, not on probes: a lost probe is not an outage for them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from inspect import signature
from random import Random

from failoverdns.model.errors import Malformed
from failoverdns.model.group import Side
from failoverdns.model.health import Cause, Check, ProbeResult

BEGINS = 300.0
"""Seconds after the start at which outages begin, when the health is known."""

RESPONSE = 0.05
"""Median seconds of the response time of a head."""

SPREAD = 0.5
"""Standard deviation of the logarithm of the response time."""

Intervals = tuple[tuple[float, float], ...]
"""Spans of time in order, each with its begin and its end in seconds."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """The state of the heads of both sides over time; times are in seconds after the start.

    In the spans `down` the first `broken` of a side's `heads` do not respond; with `refuses` they
    refuse connections.  `late` and `lost` are the shares of responses that never reach the prober
    though the head is healthy: because it is too slow, which its clients notice too, or because a
    probe is lost.  They apply to the sides in `troubled`, from `BEGINS` on.
    In the spans `cut_off` no probe is answered, while clients are.
    With `bursts` the same happens to the `troubled` sides at random, as in Gilbert's model: it has
    the mean seconds of a burst, and the mean seconds between two.
    """

    name: str
    about: str
    lasts: float
    down: Mapping[Side, Intervals]
    heads: int = 1
    broken: int = 1
    refuses: bool = False
    late: float = 0.0
    lost: float = 0.0
    troubled: tuple[Side, ...] = (Side.PRIMARY,)
    cut_off: Intervals = ()
    bursts: tuple[float, float] | None = None

    def drawn(self, seed: int) -> Pattern:
        """Return this pattern with bursts at random times; the same seed gives the same times.

        Both the bursts and the times between them are exponential: a Markov chain of two states.
        """
        if self.bursts is None:
            return self
        dice, spans, at = Random(f"{seed} bursts"), list[tuple[float, float]](), BEGINS
        lasts, apart = self.bursts
        while (at := at + dice.expovariate(1.0 / apart)) < self.lasts:
            begin, at = at, at + dice.expovariate(1.0 / lasts)
            spans.append((begin, at))
        return replace(self, cut_off=tuple(spans))

    def is_broken(self, side: Side, head: int, at: float) -> bool:
        """Return whether a head (0 is the first) does not respond."""
        return head < self.broken and _is_within(self.down.get(side, ()), at)

    def share_right(self, side: Side, at: float) -> float:
        """Return the share of the requests to a side that are served, from 0 to 1."""
        if at >= BEGINS and self.late and side in self.troubled:
            return 1.0 - self.late
        broken = sum(self.is_broken(side, head, at) for head in range(self.heads))
        return 1.0 - broken / self.heads

    def response(self, side: Side, head: int, at: float, dice: Random) -> float | None:
        """Return the seconds after which a head responds to a probe, or None for never."""
        if self.is_broken(side, head, at) or self._is_cut_off(side, at):
            return None
        if at >= BEGINS and side in self.troubled:
            unheard = 1.0 - (1.0 - self.late) * (1.0 - self.lost)
            if unheard and dice.random() < unheard:
                return None
        return RESPONSE * dice.lognormvariate(0.0, SPREAD)

    def _is_cut_off(self, side: Side, at: float) -> bool:
        is_hit = self.bursts is None or side in self.troubled
        return is_hit and _is_within(self.cut_off, at)


def _is_within(spans: Intervals, at: float) -> bool:
    index = bisect_right(spans, at, key=_begin)
    return index > 0 and at < spans[index - 1][1]


def _begin(span: tuple[float, float]) -> float:
    return span[0]


def probe(
    pattern: Pattern, check: Check, side: Side, head: int, at: float, dice: Random
) -> ProbeResult:
    """Return the result of a probe that begins at a time; its `seconds` are its duration."""
    if pattern.refuses and pattern.is_broken(side, head, at):
        return ProbeResult(Cause.REFUSED, "refused", RESPONSE)
    seconds = pattern.response(side, head, at, dice)
    if seconds is None or seconds >= check.timeout:
        return ProbeResult(Cause.TIMEOUT, "no response in time", check.timeout)
    return ProbeResult(None, "", seconds)


def hard_down(lasts: float = 1200.0, *, refuses: bool = False) -> Pattern:
    """Return an outage of the primary; with `refuses` its machine refuses connections."""
    return Pattern(
        "hard-down",
        f"the primary does not respond for {lasts:g} s",
        BEGINS + lasts + 1200.0,
        {Side.PRIMARY: ((BEGINS, BEGINS + lasts),)},
        refuses=refuses,
    )


def blip(lasts: float = 40.0) -> Pattern:
    """Return a short outage of the primary."""
    return Pattern(
        "blip",
        f"the primary does not respond for {lasts:g} s, once",
        BEGINS + lasts + 900.0,
        {Side.PRIMARY: ((BEGINS, BEGINS + lasts),)},
    )


def flapping(period: float = 180.0, duty: float = 0.5, lasts: float = 14400.0) -> Pattern:
    """Return a primary that is up for the share `duty` of each period and down for the rest."""
    count = int(lasts / period)
    begins = (BEGINS + number * period for number in range(count))
    return Pattern(
        "flapping",
        f"the primary is up for {period * duty:g} s, down for {period * (1 - duty):g} s, ...",
        BEGINS + lasts,
        {Side.PRIMARY: tuple((begin + period * duty, begin + period) for begin in begins)},
    )


def partial(broken: int = 1, heads: int = 3, lasts: float = 1200.0) -> Pattern:
    """Return an outage of some of the web servers of the primary."""
    return Pattern(
        "partial",
        f"{broken} of {heads} web servers of the primary do not respond for {lasts:g} s",
        BEGINS + lasts + 1200.0,
        {Side.PRIMARY: ((BEGINS, BEGINS + lasts),)},
        heads=heads,
        broken=broken,
    )


def slow(late: float = 0.3, lasts: float = 3600.0) -> Pattern:
    """Return a primary that is too slow for a share of its requests."""
    about = f"{late:.0%} of the primary's responses come too late"
    return Pattern("slow", about, BEGINS + lasts, {}, late=late)


def lossy(lost: float = 0.05, lasts: float = 14400.0) -> Pattern:
    """Return a network on which a share of the probes of both sides is lost."""
    about = f"{lost:.0%} of the probes are lost, and nothing else is wrong"
    return Pattern("lossy", about, BEGINS + lasts, {}, lost=lost, troubled=tuple(Side))


def bursts(
    lasting: float = 10.0, apart: float = 600.0, lasts: float = 14400.0, *, one_side: bool = False
) -> Pattern:
    """Return bursts in which no probe arrives: of either side, or of the primary alone."""
    whose = "the primary" if one_side else "either side"
    return Pattern(
        "bursts",
        f"no probe of {whose} arrives for {lasting:g} s on average, once in {apart:g} s",
        BEGINS + lasts,
        {},
        troubled=(Side.PRIMARY,) if one_side else tuple(Side),
        bursts=(lasting, apart),
    )


def both_down(primary: float = 1800.0, backup: float = 600.0) -> Pattern:
    """Return an outage of the primary, and one of the backup that begins at the same time."""
    return Pattern(
        "both-down",
        f"the primary is down for {primary:g} s, the backup for the first {backup:g} s of them",
        BEGINS + primary + 1200.0,
        {
            Side.PRIMARY: ((BEGINS, BEGINS + primary),),
            Side.BACKUP: ((BEGINS, BEGINS + backup),),
        },
    )


def backup_dies(primary: float = 600.0, after: float = 1800.0, lasts: float = 1800.0) -> Pattern:
    """Return an outage of the primary, which recovers, and a later one of the backup."""
    begins = BEGINS + after
    return Pattern(
        "backup-dies",
        f"the primary is down for {primary:g} s; at {after:g} s the backup dies for {lasts:g} s",
        begins + lasts + 600.0,
        {
            Side.PRIMARY: ((BEGINS, BEGINS + primary),),
            Side.BACKUP: ((begins, begins + lasts),),
        },
    )


def cut_off(lasts: float = 300.0) -> Pattern:
    """Return a time in which the prober, but no client, is cut off from both sides."""
    return Pattern(
        "cut-off",
        f"for {lasts:g} s no probe is answered, while both sides serve their clients",
        BEGINS + lasts + 900.0,
        {},
        cut_off=((BEGINS, BEGINS + lasts),),
    )


PATTERNS: Mapping[str, Callable[..., Pattern]] = {
    "hard-down": hard_down,
    "blip": blip,
    "flapping": flapping,
    "partial": partial,
    "slow": slow,
    "lossy": lossy,
    "bursts": bursts,
    "both-down": both_down,
    "backup-dies": backup_dies,
    "cut-off": cut_off,
}
"""Every pattern with its default values, by its name."""


def named(text: str) -> Pattern:
    """Return the pattern that a text names: `flapping`, or `flapping:period=60,duty=0.9`.

    Raises Malformed, whose message says what would be valid.
    """
    name, _, rest = text.partition(":")
    if name not in PATTERNS:
        raise Malformed(f"there is no pattern {name!r}; there are {', '.join(PATTERNS)}")
    make = PATTERNS[name]
    known = {key: parameter.default for key, parameter in signature(make).parameters.items()}
    given: dict[str, object] = {}
    for word in filter(None, rest.split(",")):
        key, _, value = word.partition("=")
        if key not in known:
            raise Malformed(f"{name} has no {key!r}; it has {', '.join(known)}")
        given[key] = _value(f"{name}: {key}", known[key], value)
    pattern = make(**given)
    if pattern.broken > pattern.heads:
        raise Malformed(f"{name}: broken={pattern.broken}: give at most heads={pattern.heads}")
    return pattern


MOST = 7 * 86400.0
"""The maximum duration in seconds; `simulation.losses` counts rarer events."""


def _value(where: str, default: object, text: str) -> object:
    """Parse a value of the default's type: yes or no, a share, a whole number, or seconds."""
    if isinstance(default, bool):
        if text not in ("yes", "no"):
            raise Malformed(f"{where}={text!r}: give yes or no")
        return text == "yes"
    least, most = (1, 100) if isinstance(default, int) else (1.0, MOST)
    if isinstance(default, float) and default < 1.0:
        least, most = 0.0, 0.99
    try:
        value = int(text) if isinstance(default, int) else float(text)
    except ValueError:
        value = -1
    if not least <= value <= most:
        raise Malformed(
            f"{where}={text!r}: give a value like {default}, from {least:g} to {most:g}"
        )
    return value
