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
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter

from simulation.frontier import LOSS
from simulation.resolvers import KINDS
from simulation.setting import FORMER, Setting, label
from simulation.studies import LOSSES, PERIODS, Delay, Drain, Flaps, Frontier, Rates

_COLOURS = ("#0b5fa5", "#d1495b", "#2a9d5c", "#8a5fbf", "#c98a00", "#4d4d4d", "#17a2b8", "#a0522d")
_DASHES = ("--", "-.", ":", (0, (7, 2)), (0, (4, 1, 1, 1, 1, 1)), (0, (1, 2)), "--", "-.")
"""Lines that lie on each other differ in their dashes."""
_RESOLUTION = 180
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
        for name, at, aside in (
            ("down", 0.0, -4.0),
            (f"detected, {drain.detected.median:.0f} s", drain.detected.median, -4.0),
            (f"switched, {drain.switched.median:.0f} s", drain.switched.median, 4.0),
        ):
            axes.axvline(at, color=_GREY, linewidth=0.8, linestyle=":")
            axes.text(
                at + aside, 0.99, name, color=_GREY, fontsize=8, rotation=90, va="top",
                ha="left" if aside > 0.0 else "right",
            )  # fmt: skip
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
        rows = sorted(found, key=lambda delay: delay.switched.median, reverse=True)
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
        for text, row in zip(axes.get_yticklabels(), rows, strict=True):
            text.set_fontweight("bold" if row.setting == own else "normal")
        for place, at, end in zip(places, switched, clients, strict=True):
            axes.text(
                end + 2.0, place, f"switched: {at:.0f} s",
                va="center", fontsize=8, color=_GREY,
            )  # fmt: skip
        axes.grid(axis="y", visible=False)
        axes.set(xlim=(0, None), xlabel="seconds after the primary went down (medians)")
        handles, names = axes.get_legend_handles_labels()
        order = sorted(range(len(names)), key=lambda index: names[index] == "95 % of clients")
        axes.legend(
            [handles[index] for index in order], [names[index] for index in order],
            loc="upper center", bbox_to_anchor=(0.3, -0.14), ncols=4, columnspacing=1.2,
        )  # fmt: skip
        axes.set_title("Delay of a hard outage: detection, grace, caches")

    _save(path, (drawn,), (8.0, 1.9 + 0.33 * len(found)))


def draw_rates(found: Sequence[Rates], own: Setting, path: Path) -> None:
    """Draw false switches a year against lost probes: exact lines, and dots from random draws."""

    def drawn(axes: Axes) -> None:
        others = iter(zip(_COLOURS[1:], _DASHES, strict=True))
        for rates in found:
            known = [(loss, rates.exact[loss].switches) for loss in LOSSES]
            shown = [(loss, rate) for loss, rate in known if rate >= _LEAST_RATE]
            name, is_own = _named(rates.setting, own), rates.setting == own
            colour, style = (_COLOURS[0], "-") if is_own else next(others)
            axes.plot(
                *zip(*shown, strict=True), linestyle=style, color=colour,
                linewidth=3.6 if is_own else 1.5, zorder=2 if is_own else 3, label=name,
            )  # fmt: skip
            counts = [rates.counted[loss] for loss in LOSSES]
            seen = [count.a_year if count.switches else nan for count in counts]
            below = [count.a_year - count.bounds[0] for count in counts]
            above = [count.bounds[1] - count.a_year for count in counts]
            axes.errorbar(
                LOSSES, seen, yerr=(below, above), fmt="o", color=colour, markersize=3.5, capsize=2
            )
        axes.set(xscale="log", yscale="log", xlim=(0.0045, 0.22), ylim=(_LEAST_RATE / 2, 2e4))
        axes.set_xticks(LOSSES, [f"{loss:.1%}".replace(".0%", "%") for loss in LOSSES])
        axes.minorticks_off()
        axes.set_yticks(list(_RATE_MARKS), list(_RATE_MARKS.values()))
        axes.set(xlabel="share of probes lost, each independently", ylabel="false switches")
        _legend_below(axes, own, 2)
        axes.set_title(
            "False switches away from a healthy primary\n(lines: exact; dots: random draws)"
        )

    _save(path, (drawn,), (7.6, 4.8))


_LEAST_RATE = 1e-4
"""False switches a year below which nothing is drawn: one in 10,000 years."""

_RATE_MARKS = {
    1e-4: "1 in 10,000 years",
    1e-2: "1 in 100 years",
    1.0: "1 a year",
    52.0: "1 a week",
    365.25: "1 a day",
    8766.0: "1 an hour",
}


def draw_frontier(frontier: Frontier, own: Setting, path: Path) -> None:
    """Draw false switches a year against the delay, for settings that no other one beats."""

    def drawn(axes: Axes) -> None:
        axes.add_patch(
            Rectangle(
                (0.0, _LEAST_RATE / 2), _GOAL[0], _GOAL[1] - _LEAST_RATE / 2, color="#e8f3e8",
                zorder=0, label=f"the goal: {_GOAL[0]:g} s, and {_GOAL[1]:g} a year",
            )
        )  # fmt: skip
        for (pace, found), colour in zip(frontier.best.items(), _COLOURS[1:], strict=False):
            shown = [one for one in found if one.false >= _LEAST_RATE]
            name = f"every {pace[0]:g} s, " + (f"fast {pace[1]:g} s" if pace[1] else "never fast")
            axes.plot(
                [one.switched for one in shown], [one.false for one in shown],
                linestyle="-" if pace[1] else "--", marker="o", markersize=3.5, color=colour,
                linewidth=1.5, label=name,
            )  # fmt: skip
        for one in frontier.compared:
            is_own, is_old = one.setting == own, one.setting == FORMER
            if is_own or is_old:
                axes.plot(
                    [one.switched], [one.false], "*" if is_own else "X", color=_COLOURS[0],
                    markersize=17 if is_own else 10, zorder=5,
                    label=_named(one.setting, own) if is_own else "the defaults before fast probes",
                )  # fmt: skip
        axes.set(yscale="log", xlim=(0, 90), ylim=(_LEAST_RATE / 2, 2e4))
        axes.minorticks_off()
        axes.set_yticks(list(_RATE_MARKS), list(_RATE_MARKS.values()))
        axes.set(
            xlabel="seconds from the death of the primary to the switch (median)",
            ylabel=f"false switches, {LOSS:.0%} of the probes lost",
        )
        _legend_below(axes, own, 2)
        axes.set_title("How fast and how safe settings can be\n(further down and left is better)")

    _save(path, (drawn,), (7.6, 5.2))


_GOAL = (30.0, 0.05)
"""The delay in seconds, and the false switches a year, that the defaults have to meet."""


def _legend_below(axes: Axes, own: Setting, columns: int) -> None:
    """Put a small legend below the axes, with the operator's own setting in bold."""
    legend = axes.legend(
        loc="upper center", bbox_to_anchor=(0.42, -0.12), ncols=columns, fontsize=8
    )
    for text in legend.get_texts():
        text.set_fontweight("bold" if text.get_text() == _named(own, own) else "normal")


def draw_flaps(found: Sequence[Flaps], path: Path) -> None:
    """Draw switches an hour, and the share of right answers, against the period of flapping."""
    styles = list(zip(_COLOURS[1:3] + _COLOURS[:1], (1.4, 1.8, 3.0), ("-", "--", "-"), strict=True))

    def lines(axes: Axes, values: Callable[[Flaps], Mapping[float, float]], title: str) -> None:
        for flaps, (colour, width, style) in zip(found, styles, strict=False):
            axes.plot(
                PERIODS, [values(flaps)[period] for period in PERIODS], style, marker="o",
                markersize=3.5, color=colour, linewidth=width, label=flaps.name,
            )  # fmt: skip
        shown = [30.0, 60.0, 120.0, 240.0, 480.0, 900.0, 1800.0, 3600.0, 7200.0]
        axes.set(xscale="log", xlim=(20.0, 9000.0), xlabel="period of flapping (half of it down)")
        axes.set_xticks(shown, ["30 s", "1 min", "2", "4", "8", "15", "30", "1 h", "2 h"])
        axes.minorticks_off()
        axes.set_title(title)

    def switches(axes: Axes) -> None:
        lines(axes, lambda flaps: flaps.an_hour, "Switches while the primary goes down and up")
        axes.set(ylim=(0, None), ylabel="switches an hour")
        for flaps in found:
            for period in PERIODS:
                if flaps.an_hour[period] == 0.0:
                    axes.annotate(
                        "too short to be noticed", (period, 0.0), xytext=(-6, 12),
                        textcoords="offset points", fontsize=8, color=_GREY, rotation=90,
                        ha="center", va="bottom", arrowprops={"arrowstyle": "-", "color": _GREY},
                    )  # fmt: skip
            if any(flaps.an_hour[period] == 0.0 for period in PERIODS):
                break
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
        figure = Figure(
            figsize=size, dpi=_RESOLUTION, layout="constrained" if len(drawn) > 1 else None
        )
        for number, part in enumerate(drawn, 1):
            part(figure.add_subplot(1, len(drawn), number))
        figure.savefig(path, bbox_inches="tight", metadata={"Software": None})
