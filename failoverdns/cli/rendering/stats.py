"""The result of `stats`, for people: a line for each subject, and what is zero left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import click

from failoverdns.cli.rendering.tables import Result, Writer

_MEGABYTE: Final = 1 << 20


def _stats(result: Result) -> None:
    for line in _lines(result):
        click.echo(line)


def _lines(result: Result) -> Iterator[str]:
    up = result["time"] - result["started"]
    build = result["build"]
    yield f"failoverdns {build['version']}, {build['fast_path']}, counted for {up:,.0f} s"
    for transport, rcodes in result["queries"].items():
        yield from _some(f"queries over {transport}", rcodes)
    dropped = {
        "lost by the kernel": result["lost"],
        "rate-limited": result["limited"].get("dropped", 0),
        "truncated by the rate limit": result["limited"].get("slipped", 0),
        "not sent": sum(result["unsent"].values()),
        "ignored": sum(result["ignored"].values()),
    }
    yield from _some("without a usual reply", dropped)
    workers = result["workers"]
    if workers["running"]:
        ended = f", {workers['ended']} ended and were replaced" if workers["ended"] else ""
        yield f"answering processes: {workers['answering']} of {workers['running']}{ended}"
    for command, codes in sorted(result["commands"].items()):
        mean = _mean(result["command_seconds"].get(command))
        yield from _some(f"{command}{mean}", codes)
    yield from _some(f"commits{_mean(result['commit_seconds'])}", result["commits"])
    for side, by in result["switches"].items():
        yield from _some(f"switches to {side}", by)
    yield from _some("refused by", result["refused"])
    for kind, results in sorted(result["probes"]["results"].items()):
        yield from _some(f"{kind} probes", results)
    for hook, results in sorted(result["hook_runs"].items()):
        yield from _some(f"hook {hook}", results)
    for name, title in (
        ("acme", "certificate orders"),
        ("deliveries", "deliveries by status"),
        ("transfer_requests", "signed requests"),
        ("notifies", "NOTIFY messages"),
        ("http_requests", "HTTP requests"),
    ):
        yield from _some(title, result[name])
    yield from _groups(result)
    store = result["store"]
    state = "can be written" if store["writable"] else "cannot be written"
    yield f"store: {state}, {store['outages']} outage(s), {store['unrecorded']} step(s) unrecorded"
    for name, used in result["processes"].items():
        memory = used["memory"] / _MEGABYTE
        yield f"process {name} ({used['pid']}): {used['cpu']:,.1f} s of CPU, {memory:,.0f} MiB"


def _groups(result: Result) -> Iterator[str]:
    """Yield a line about all groups, and one for each that is shown and was switched."""
    sides = ", ".join(f"{count:,} {side}" for side, count in result["groups_active"].items())
    yield f"groups: {result['groups_total']:,} ({sides})"
    yield from _some(
        "groups that need attention",
        {
            "without a healthy side": result["groups_without_healthy_side"],
            "held": result["groups_held"],
            "in maintenance": result["groups_in_maintenance"],
        },
    )
    for group in result["groups"]:
        for side, by in group["switches"].items():
            yield from _some(f"  {group['group']}: switches to {side}", by)
    if result["groups_omitted"]:
        yield f"  {result['groups_omitted']:,} group(s) not shown: use --groups PATTERN"


def _some(title: str, counts: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line of counts that are not zero, the highest first, if there are any."""
    found = sorted(
        ((n, name) for name, n in counts.items() if n), key=lambda one: (-one[0], one[1])
    )
    if found:
        yield f"{title}: " + ", ".join(f"{name} {n:,}" for n, name in found)


def _mean(histogram: Mapping[str, Any] | None) -> str:
    """Return the mean duration in a histogram, in brackets."""
    if not histogram or not histogram["count"]:
        return ""
    return f" ({1000 * histogram['sum'] / histogram['count']:.1f} ms)"


WRITERS: Final[Mapping[str, Writer]] = {"stats": _stats}
"""What prints the result of each command."""
