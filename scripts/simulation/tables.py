"""Tables of the figures as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from failoverdns.model.timestamps import duration
from simulation.bursts import APART, LENGTHS, MEANS, Bursts
from simulation.frontier import LOSS
from simulation.run import Run
from simulation.setting import Setting, label
from simulation.studies import (
    BLIPS,
    LOSSES,
    PERIODS,
    Blips,
    Delay,
    Drain,
    Flaps,
    Frontier,
    Outcome,
    Rates,
)

Table = Sequence[Sequence[str]]


def text_of(title: str, rows: Table, note: str = "") -> str:
    """Return rows in columns, left-aligned in the first column; the first row is the heading."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    lines = [title]
    for number, row in enumerate(rows):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  " + "  ".join(cells).rstrip())
        if number == 0:
            lines.append("  " + "  ".join("-" * width for width in widths))
    return "\n".join([*lines, *([f"  {note}"] if note else []), ""])


def outcomes_table(found: Iterable[Outcome]) -> str:
    """Return the table of the outcome of each pattern."""
    head = ("pattern", "detected, s", "switched, s", "switches", "most", "served", "unaided")
    rows = [
        (
            outcome.pattern.name,
            str(outcome.detected),
            str(outcome.switched),
            f"{outcome.switches:.2f}",
            f"{outcome.most}",
            f"{outcome.right:.2%}",
            f"{outcome.unaided:.2%}",
        )
        for outcome in found
    ]
    note = "seconds: median / p95 from the outage; served: share of requests, from then on"
    return text_of("Outages", [head, *rows], note)


def drain_table(drain: Drain) -> str:
    """Return the table of clients on the right side, at some times after the outage."""
    shown = [at for at in drain.times if at in (30, 60, 90, 120, 180, 240, 300, 420, 600)]
    head = ("clients behind resolvers", *(f"{at:g} s" for at in shown))
    named = {**drain.shares, "all": drain.together}
    rows = [
        (name, *(f"{shares[drain.times.index(at)]:.1%}" for at in shown))
        for name, shares in named.items()
    ]
    note = f"detected after {drain.detected} s, switched after {drain.switched} s (median / p95)"
    return text_of("Share of clients served, after the primary went down", [head, *rows], note)


def delays_table(found: Iterable[Delay]) -> str:
    """Return the table of the delays of each setting."""
    head = ("setting", "detected, s", "switched, s", "client follows, s")
    rows = [
        (label(delay.setting), str(delay.detected), str(delay.switched), str(delay.clients))
        for delay in found
    ]
    note = "median / p95, from the outage"
    return text_of("Delays after the primary went down", [head, *rows], note)


def blips_table(found: Iterable[Blips]) -> str:
    """Return the table of the short outages that cause a switch."""
    head = ("setting", *(f"{lasts:g} s" for lasts in BLIPS))
    rows = [
        (label(blips.setting), *(f"{blips.shares[lasts]:.0%}" for lasts in BLIPS))
        for blips in found
    ]
    return text_of("Share of short outages that made the group switch", [head, *rows])


def rates_table(found: Iterable[Rates]) -> str:
    """Return the table of false switches."""
    head = ("setting", *(f"{loss:.1%} lost" for loss in LOSSES))
    rows: list[tuple[str, ...]] = []
    for rates in found:
        rows.append((label(rates.setting), *(_number(rates.exact[p].switches) for p in LOSSES)))
        rows.append(("    counted, of 95 %", *(_bounds(rates, loss) for loss in LOSSES)))
    note = "exact means; below them what dice gave: 95 % interval of the mean"
    return text_of("False switches a year on the primary", [head, *rows], note)


def _bounds(rates: Rates, loss: float) -> str:
    low, high = rates.counted[loss].bounds
    return f"{_number(low)} - {_number(high)}"


def _number(value: float) -> str:
    """Return a number without decimals from 10 on, and with two significant digits below."""
    if value == 0.0:
        return "0"
    if value >= 10.0:
        return f"{value:,.0f}"
    return f"{value:.2g}" if value >= 0.001 else f"{value:.1e}".replace("e-0", "e-")


def bursts_table(found: Iterable[Bursts]) -> str:
    """Return the table of bursts of loss that cause a switch."""
    head = (
        "setting",
        *(f"{lasts:g} s" for lasts in LENGTHS),
        *(f"a year, mean {mean:g} s" for mean in MEANS),
    )
    rows: list[tuple[str, ...]] = []
    for bursts in found:
        for name, shares in (
            (label(bursts.setting), bursts.one_side),
            ("    of both sides", bursts.both_sides),
        ):
            shown = [f"{shares.of[lasts]:.0%}" for lasts in LENGTHS]
            rows.append((name, *shown, *(_number(shares.a_year(mean)) for mean in MEANS)))
    note = f"a year: with one burst in {duration(APART)}, of exponential length"
    title = (
        "Share of bursts of loss that made the group switch: of the primary alone, of both sides"
    )
    return text_of(title, [head, *rows], note)


def frontier_table(frontier: Frontier) -> str:
    """Return the table of the fastest and safest settings, and of those beside them."""
    lost = f"{LOSS:.0%} lost"
    head = (
        "setting",
        "switched, s",
        f"false switches a year, {lost}",
        f"healthy head down a year, {lost}",
        "no switch by a burst up to, s",
    )
    rows = []
    for found in (*frontier.best.values(), frontier.compared):
        rows += [
            (
                label(one.setting),
                f"{one.switched:.1f}",
                _number(one.false),
                _number(one.downs),
                f"{one.burst:.0f}",
            )
            for one in found
            if _LEAST <= one.false <= _MOST
        ]
        rows.append(("", "", "", "", ""))
    note = (
        "each line: no other setting of this pace is both faster and safer; the last ones: compared"
    )
    return text_of("How fast and how safe", [head, *rows[:-1]], note)


_LEAST, _MOST = 1e-5, 1000.0
"""False switches a year of settings that are shown."""


def flaps_table(found: Iterable[Flaps]) -> str:
    """Return the table of switches of a flapping primary."""
    head = ("period, s", *(flaps.name for flaps in found))
    rows = [
        (
            f"{period:g}",
            *(f"{flaps.an_hour[period]:.2f} ({flaps.right[period]:.0%})" for flaps in found),
        )
        for period in PERIODS
    ]
    note = "with automatic fail-back; in brackets: of the time the answer is a side that is up"
    return text_of("Switches an hour while the primary flaps", [head, *rows], note)


def setting_text(setting: Setting) -> str:
    """Return a description of all values of a setting."""
    check, policy = setting.check, setting.policy
    return (
        f"check: every {check.interval:g} s, fast every {check.fast_interval:g} s, jitter "
        f"{check.jitter:.0%}, time-out {check.timeout:g} s, down after "
        f"{check.down_after}, up after {check.up_after}\n"
        f"policy: grace {policy.grace:g} s, fail-back {policy.fail_back.value}, hold "
        f"{policy.hold:g} s, cooldown {policy.cooldown:g} s, at most {policy.max_switches} "
        f"switches in {duration(policy.window)}\nTTL {setting.ttl} s\n"
    )


def story(run: Run, begins: float) -> Iterator[str]:
    """Yield a line for each event of a run, in order."""
    lines = [(c.at, f"the {c.side.value} is {c.health.value}") for c in run.health]
    lines += [(s.at, f"switch to the {s.to.value}: {s.why}") for s in run.switches]
    for at, text in sorted(lines, key=lambda line: line[0]):
        yield f"  {at - begins:+10.1f} s  {text}"
