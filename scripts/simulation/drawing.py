"""Pictures of the figures, drawn with matplotlib, which no other module needs.

Each line has a hue of its own; the most important one is thick and blue: all clients, the
operator's own setting, or all guards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import nan
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from simulation.resolvers import KINDS
from simulation.setting import Setting, label
from simulation.studies import LOSSES, PERIODS, Delay, Drain, Flaps, Rates

_COLOURS = ("#0b5fa5", "#d1495b", "#2a9d5c", "#8a5fbf", "#c98a00", "#4d4d4d", "#17a2b8", "#a0522d")
_GREY = "#666666"
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
}


def draw_drain(drain: Drain, path: Path) -> None:
    """Draw the share of clients served over time, for each kind of resolver."""
    about = {kind.name: kind.about for kind in KINDS}

    def drawn(axes: Axes) -> None:
        styles = zip(drain.shares.items(), _COLOURS[1:], ("-", "--", "-", "-"), strict=False)
        for (name, shares), colour, style in styles:
            axes.plot(drain.times, shares, style, color=colour, linewidth=1.6, label=about[name])
        axes.plot(drain.times, drain.together, color=_COLOURS[0], linewidth=3, label="all clients")
        for name, at in (
            ("down", 0.0),
            (f"detected, {drain.detected.median:.0f} s", drain.detected.median),
            (f"switched, {drain.switched.median:.0f} s", drain.switched.median),
        ):
            axes.axvline(at, color=_GREY, linewidth=0.8, linestyle=":")
            axes.text(
                at - 3, 0.97, name, color=_GREY, fontsize=8, rotation=90, va="top", ha="right"
            )
        axes.set(
            xlim=(drain.times[0], drain.times[-1]),
            ylim=(0, 1.02),
            xlabel="seconds after the primary went down",
            ylabel="share of clients on a side that is up",
        )
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.legend(loc="lower right", title="clients of resolvers that")
        axes.set_title("How clients follow, by their resolver")

    _save(path, (drawn,), (7.2, 4.2))


def draw_delays(found: Sequence[Delay], own: Setting, path: Path) -> None:
    """Draw the phases of an outage, in seconds, for each setting."""

    def drawn(axes: Axes) -> None:
        rows = list(reversed(found))
        detected = [delay.detected.median for delay in rows]
        switched = [delay.switched.median for delay in rows]
        clients = [delay.clients.median for delay in rows]
        places = range(len(rows))
        parts = (
            ("until it is known", [0.0] * len(rows), detected),
            ("grace", detected, switched),
            ("caches, median client", switched, clients),
        )
        for (name, begin, end), colour in zip(
            parts, ("#0b5fa5", "#7fb2dd", "#e3b23c"), strict=True
        ):
            widths = [b - a for a, b in zip(begin, end, strict=True)]
            axes.barh(places, widths, left=begin, color=colour, height=0.62, label=name)
        p95 = [delay.clients.p95 for delay in rows]
        axes.plot(p95, places, "|", color="#333333", markersize=12, label="95 % of clients")
        axes.set_yticks(places, [_named(row.setting, own) for row in rows])
        axes.grid(axis="y", visible=False)
        axes.set(xlim=(0, None), xlabel="seconds after the primary went down (medians)")
        axes.legend(loc="upper center", bbox_to_anchor=(0.3, -0.14), ncols=4, columnspacing=1.2)
        axes.set_title("What the seconds of an outage go to")

    _save(path, (drawn,), (8.0, 1.9 + 0.33 * len(found)))


def draw_rates(found: Sequence[Rates], own: Setting, path: Path) -> None:
    """Draw false switches a year against lost probes: exact lines, and dots from random draws."""

    def drawn(axes: Axes) -> None:
        others = iter(_COLOURS[1:])
        for rates in found:
            exact = [rates.exact[loss].switches for loss in LOSSES]
            name, is_own = _named(rates.setting, own), rates.setting == own
            colour, style = (_COLOURS[0], "-") if is_own else (next(others), "--")
            axes.plot(
                LOSSES, exact, style, color=colour, linewidth=3.6 if is_own else 1.4,
                zorder=2 if is_own else 3, label=name,
            )  # fmt: skip
            counts = [rates.counted[loss] for loss in LOSSES]
            seen = [count.a_year if count.switches else nan for count in counts]
            below = [count.a_year - count.bounds[0] for count in counts]
            above = [count.bounds[1] - count.a_year for count in counts]
            axes.errorbar(
                LOSSES, seen, yerr=(below, above), fmt="o", color=colour, markersize=3.5, capsize=2
            )
        axes.set(xscale="log", yscale="log", xlim=(0.0045, 0.22), ylim=(1e-5, 6e4))
        axes.set_xticks(LOSSES, [f"{loss:.1%}".replace(".0%", "%") for loss in LOSSES])
        axes.minorticks_off()
        marks = {1e-4: "1 in 10,000 years", 1e-2: "1 in 100 years", 1.0: "1 a year"}
        marks |= {52.0: "1 a week", 365.25: "1 a day", 8766.0: "1 an hour"}
        axes.set_yticks(list(marks), list(marks.values()))
        axes.set(xlabel="probes lost, each by itself", ylabel="false switches")
        axes.legend(loc="upper center", bbox_to_anchor=(0.42, -0.13), ncols=2)
        axes.set_title("How often a primary is left that is well (lines exact, dots by dice)")

    _save(path, (drawn,), (7.2, 4.4))


def draw_flaps(found: Sequence[Flaps], path: Path) -> None:
    """Draw switches an hour, and the share of right answers, against the period of flapping."""
    styles = list(zip(_COLOURS[1:3] + _COLOURS[:1], (1.4, 1.8, 3.0), ("-", "--", "-"), strict=True))

    def lines(axes: Axes, values: Callable[[Flaps], Mapping[float, float]], title: str) -> None:
        for flaps, (colour, width, style) in zip(found, styles, strict=False):
            axes.plot(
                PERIODS, [values(flaps)[period] for period in PERIODS], style, marker="o",
                markersize=3.5, color=colour, linewidth=width, label=flaps.name,
            )  # fmt: skip
        shown = [60.0, 120.0, 240.0, 480.0, 900.0, 1800.0, 3600.0, 7200.0]
        axes.set(xscale="log", xlabel="period of flapping (half of it down)")
        axes.set_xticks(shown, ["1 min", "2", "4", "8", "15", "30", "1 h", "2 h"])
        axes.minorticks_off()
        axes.set_title(title)

    def switches(axes: Axes) -> None:
        lines(axes, lambda flaps: flaps.an_hour, "A primary that comes and goes")
        axes.set(ylim=(0, None), ylabel="switches an hour")
        axes.legend(loc="upper right", title="with automatic fail-back")

    def right(axes: Axes) -> None:
        lines(axes, lambda flaps: flaps.right, "How often the answer is a side that is up")
        axes.set(ylim=(0, 1.02), ylabel="share of the time")
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))

    _save(path, (switches, right), (10.0, 3.6))


def _named(setting: Setting, own: Setting) -> str:
    if setting != own:
        return label(setting)
    return f"{label(setting)} ({'default' if own == Setting() else 'yours'})"


def _save(path: Path, drawn: Sequence[Callable[[Axes], None]], size: tuple[float, float]) -> None:
    """Save a picture of parts side by side; `size` is in inches."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=size, dpi=100, layout="constrained" if len(drawn) > 1 else None)
        for number, part in enumerate(drawn, 1):
            part(figure.add_subplot(1, len(drawn), number))
        figure.savefig(path, bbox_inches="tight", metadata={"Software": None})
