"""`scripts/simulate-failover`: run studies and show them as tables and pictures.

Tables go to standard output and are the same for the same arguments.  Progress goes to standard
error.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType

from failoverdns.model.errors import Malformed
from simulation import studies, tables
from simulation.arguments import parser, population_from, setting_from
from simulation.patterns import BEGINS, Pattern, named
from simulation.resolvers import Population
from simulation.setting import COMPARED, Setting, label

RUNS, RESOLVERS, HOURS, LOST = 200, 20, 8.0, 100_000
"""Runs of a study, resolvers of each kind in a run, hours of flapping, and the number of lost
probes in random draws."""

QUICK = (12, 8, 4.0, 3_000)
"""The same numbers with `--quick`."""


def main(words: Sequence[str] | None = None) -> None:
    """Parse the command line, simulate, print and draw."""
    reader = parser()
    given = reader.parse_args(words)
    try:
        setting, population = setting_from(given), population_from(given)
        patterns = [named(text) for text in given.pattern]
        story = named(given.story) if given.story is not None else None
    except Malformed as fault:
        reader.error(str(fault))
    if story is not None:
        print(tables.setting_text(setting))
        print(f"{story.name}: {story.about}; seconds from when that begins\n")
        run = studies.run_of(story, setting, given.seed)
        print("\n".join(tables.story(run, BEGINS)))
        return
    runs, resolvers, hours, lost = QUICK if given.quick else (RUNS, RESOLVERS, HOURS, LOST)
    options = studies.StudyOptions(given.seed, runs, resolvers, print_progress, hours)
    folder = None if given.no_pictures else Path(given.out)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    print(tables.setting_text(setting))
    for text in shown(given.study, setting, population, patterns, options, lost, folder):
        print(text, flush=True)


def shown(
    wanted: Sequence[str],
    setting: Setting,
    population: Population,
    patterns: Sequence[Pattern],
    options: studies.StudyOptions,
    lost: int,
    folder: Path | None,
) -> Iterator[str]:
    """Yield the table of each chosen study; draw pictures into `folder`, if there is one."""
    compared = beside(setting)
    if "outcomes" in wanted:
        yield tables.outcomes_table(studies.outcomes(patterns, setting, population, options))
    if "drain" in wanted:
        drain = studies.drain(setting, population, options)
        yield tables.drain_table(drain)
        if folder is not None:
            drawing().draw_drain(drain, folder / "drain.png")
    if "delays" in wanted:
        delays = studies.delays(compared, population, options)
        yield tables.delays_table(delays)
        if folder is not None:
            drawing().draw_delays(delays, setting, folder / "delays.png")
    if "blips" in wanted:
        yield tables.blips_table(studies.blips(compared, options))
    if "rates" in wanted:
        rates = studies.rates(compared, options, lost)
        yield tables.rates_table(rates)
        if folder is not None:
            drawing().draw_rates(rates, setting, folder / "rates.png")
    if "bursts" in wanted:
        yield tables.bursts_table(studies.bursts(compared, options))
    if "frontier" in wanted:
        frontier = studies.frontier(compared, options)
        yield tables.frontier_table(frontier)
        if folder is not None:
            drawing().draw_frontier(frontier, setting, folder / "frontier.png")
    if "flaps" in wanted:
        flaps = studies.flaps(setting, options)
        yield tables.flaps_table(flaps)
        if folder is not None:
            drawing().draw_flaps(flaps, folder / "flaps.png")
    if folder is not None:
        yield f"pictures are in {folder}"


def beside(setting: Setting) -> list[Setting]:
    """Return the settings to compare, this one included, all with the TTL of this one."""
    others = [replace(other, ttl=setting.ttl) for other in COMPARED]
    same = [label(other) == label(setting) for other in others]
    if any(same):
        return [setting if is_it else other for other, is_it in zip(others, same, strict=True)]
    return [setting, *others]


def drawing() -> ModuleType:
    """Return the module that draws, or exit with advice if matplotlib is not installed."""
    try:
        return import_module("simulation.drawing")
    except ModuleNotFoundError as fault:
        if fault.name != "matplotlib":
            raise
        raise SystemExit(
            "matplotlib is not installed: scripts/install simulate; or give --no-pictures"
        ) from None


def print_progress(what: str, done: int, parts: int) -> None:
    """Print progress: continuously on a terminal, otherwise when a study is complete."""
    if sys.stderr.isatty():
        end = "\n" if done == parts else ""
        print(f"\r{what}: {done} of {parts} ", end=end, file=sys.stderr, flush=True)
    elif done == parts:
        print(f"{what}: done", file=sys.stderr, flush=True)
