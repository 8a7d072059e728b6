"""The arguments of `scripts/simulate-failover`, and the values that result from them.

A setting has the server's defaults, or the values of a configuration file, with single values
changed.  Invalid arguments raise Malformed, whose message says what would be valid.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from failoverdns.config import ConfigErrors, load_config
from failoverdns.model.errors import Malformed
from failoverdns.model.group import DEFAULT_TTL
from failoverdns.model.health import Check
from failoverdns.model.policy import Mode, Policy
from simulation.patterns import PATTERNS
from simulation.resolvers import KINDS, Population
from simulation.setting import CHECK, POLICY, Setting

STUDIES = ("outcomes", "drain", "delays", "blips", "rates", "bursts", "frontier", "flaps")
"""The studies, in the order in which they are shown."""

_ABOUT = """\
Simulate a failover policy: outages, the server's own rules on a virtual clock, and resolvers with
caches.  Prints tables, and draws pictures of five of them.
"""

_EXAMPLES = """\
studies:
  outcomes  the cost of each outage pattern, with failover and without
  drain     how fast clients are on the right side, by their resolver (drain.png)
  delays    how long detecting, switching and draining take, beside other settings (delays.png)
  blips     which outages are so short that nothing switches
  rates     how often lost probes cause a false switch (rates.png)
  bursts    which bursts of loss cause a false switch
  frontier  how fast and how safe settings can be, and where the defaults are (frontier.png)
  flaps     how often a flapping side causes a switch, with guards and without (flaps.png)

examples:
  scripts/simulate-failover                              the server's defaults, everything
  scripts/simulate-failover --quick                      the same in seconds, with rougher figures
  scripts/simulate-failover --interval 5 --timeout 2 --down-after 4 --grace 10 --ttl 30
  scripts/simulate-failover --config /etc/failoverdns/failoverdns.yaml --check web --policy shop
  scripts/simulate-failover --study outcomes --pattern hard-down:lasts=300 partial:broken=2,heads=3
  scripts/simulate-failover --story backup-dies --fail-back automatic

docs/failover-simulation.md describes the model, its limits, and the results.
"""

Number = TypeVar("Number", int, float)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="scripts/simulate-failover",
        description=_ABOUT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = made.add_argument_group("what to simulate")
    what.add_argument(
        "--study", nargs="+", choices=STUDIES, metavar="NAME", default=STUDIES,
        help="run only these studies, see below (all)",
    )  # fmt: skip
    what.add_argument(
        "--pattern", nargs="+", metavar="NAME", default=list(PATTERNS),
        help="only these outages in the study `outcomes`, optionally with values, as in "
        f"flapping:period=60,duty=0.9 ({', '.join(PATTERNS)})",
    )  # fmt: skip
    what.add_argument(
        "--story",
        metavar="PATTERN",
        help="print only the events of one run of a pattern",
    )
    what.add_argument(
        "--out", metavar="DIR", default="var/simulation", help="folder for pictures (%(default)s)"
    )
    what.add_argument("--no-pictures", action="store_true", help="print tables only")
    what.add_argument(
        "--quick", action="store_true", help="fewer runs, in seconds, with rougher figures"
    )
    what.add_argument(
        "--seed", type=int, default=1, help="the same seed gives the same figures (1)"
    )

    own = made.add_argument_group("the setting (times in seconds)")
    own.add_argument("--config", metavar="FILE", help="use a check and a policy of this file")
    own.add_argument("--check", metavar="NAME", help="the check of the file to use (the first)")
    own.add_argument("--policy", metavar="NAME", help="the policy of the file to use (the first)")
    for name, kind, text in _VALUES:
        own.add_argument(f"--{name}", type=kind, metavar="N", help=text)
    own.add_argument(
        "--fail-back", choices=[mode.value for mode in Mode], help=f"({POLICY.fail_back.value})"
    )
    own.add_argument(
        "--ttl", type=int, default=DEFAULT_TTL, help=f"TTL of the group's hostname ({DEFAULT_TTL})"
    )
    own.add_argument(
        "--require-heads", default="any", metavar="K",
        help="web servers that have to be up: any, all or a number (any)",
    )  # fmt: skip

    who = made.add_argument_group("the DNS clients")
    shares = ", ".join(f"{kind}={share:.0%}%" for kind, share in Population().shares.items())
    who.add_argument(
        "--share", action="append", default=[], metavar="KIND=PERCENT",
        help=f"clients behind a kind of resolvers; the other kinds keep their ratio ({shares})",
    )  # fmt: skip
    who.add_argument(
        "--asked-every", nargs=2, type=float, default=(1.0, 600.0), metavar=("BUSY", "QUIET"),
        help="seconds between queries to the busiest and to the quietest resolver (1 600)",
    )  # fmt: skip
    return made


_JITTER = CHECK.jitter * 100.0

_VALUES = (
    ("interval", float, f"between the probes of a head ({CHECK.interval:g})"),
    ("fast-interval", float, f"the same until its health is settled ({CHECK.fast_interval:g})"),
    ("timeout", float, f"after which a probe has failed ({CHECK.timeout:g})"),
    ("jitter", float, f"percent of the interval by which a probe may be off ({_JITTER:g})"),
    ("up-after", int, f"good probes in a row make a head up ({CHECK.up_after})"),
    ("down-after", int, f"bad probes in a row make it down ({CHECK.down_after})"),
    ("grace", float, f"one side is down, the other one up, before a switch ({POLICY.grace:g})"),
    ("hold", float, f"the primary is up before the group fails back ({POLICY.hold:g})"),
    ("cooldown", float, f"between two automatic switches ({POLICY.cooldown:g})"),
    ("max-switches", int, f"automatic switches within the window ({POLICY.max_switches})"),
    ("window", float, f"of the flap guard ({POLICY.window:g})"),
)


def setting_from(given: argparse.Namespace) -> Setting:
    """Return the setting that the arguments describe; raise Malformed if one is invalid."""
    check, policy = _from_file(given)
    interval = _value(given.interval, check.interval, 0.2, 86400.0, "--interval")
    usual = min(check.fast_interval, interval)
    check = replace(
        check,
        interval=interval,
        fast_interval=_value(given.fast_interval, usual, 0.2, interval, "--fast-interval"),
        timeout=_value(given.timeout, check.timeout, 0.05, 3600.0, "--timeout"),
        jitter=_value(given.jitter, check.jitter * 100.0, 0.0, 50.0, "--jitter") / 100.0,
        up_after=_value(given.up_after, check.up_after, 1, 100, "--up-after"),
        down_after=_value(given.down_after, check.down_after, 1, 100, "--down-after"),
    )
    if check.timeout > check.interval:
        raise Malformed("--timeout: at most the interval, so that a probe ends before the next")
    policy = replace(
        policy,
        mode=Mode.AUTOMATIC,
        grace=_value(given.grace, policy.grace, 0.0, 86400.0, "--grace"),
        hold=_value(given.hold, policy.hold, 0.0, 604800.0, "--hold"),
        cooldown=_value(given.cooldown, policy.cooldown, 0.0, 604800.0, "--cooldown"),
        max_switches=_value(given.max_switches, policy.max_switches, 1, 100, "--max-switches"),
        window=_value(given.window, policy.window, 1.0, 604800.0, "--window"),
        fail_back=Mode(given.fail_back) if given.fail_back is not None else policy.fail_back,
    )
    ttl = _value(given.ttl, DEFAULT_TTL, 0, 86400, "--ttl")
    heads = given.require_heads
    if heads not in ("any", "all"):
        if not heads.isdecimal() or int(heads) < 1:
            raise Malformed(f"--require-heads {heads!r}: give any, all or a number from 1 on")
        heads = int(heads)
    return Setting(check, policy, ttl, heads)


def population_from(given: argparse.Namespace) -> Population:
    """Return the population that the arguments describe; raise Malformed if one is invalid.

    Kinds without a given share divide the rest in the ratio of their defaults.
    """
    shares: dict[str, float] = {}
    kinds = [kind.name for kind in KINDS]
    for text in given.share:
        name, _, percent = text.partition("=")
        if name not in kinds:
            raise Malformed(f"--share: there is no kind {name!r}; there are {', '.join(kinds)}")
        try:
            shares[name] = float(percent.removesuffix("%")) / 100.0
        except ValueError:
            shares[name] = -1.0
        if not 0.0 <= shares[name] <= 1.0:
            raise Malformed(f"--share {text!r}: give percent from 0 to 100, as {name}=10")
    busiest, quietest = given.asked_every
    if not 0.1 <= busiest <= quietest <= 86400.0:
        raise Malformed("--asked-every: give seconds from 0.1 to 86400, the busiest first")
    rest = 1.0 - sum(shares.values())
    others = {name: share for name, share in Population().shares.items() if name not in shares}
    if rest < -1e-9 or (not others and rest > 1e-9):
        raise Malformed(f"--share: they come to {1.0 - rest:.0%}, not 100 %")
    whole = sum(others.values())
    shares |= {name: max(rest, 0.0) * share / whole for name, share in others.items()}
    return Population({name: shares[name] for name in kinds}, busiest, quietest)


def _from_file(given: argparse.Namespace) -> tuple[Check, Policy]:
    if given.config is None:
        if given.check is not None or given.policy is not None:
            raise Malformed("--check and --policy are names in a configuration: give --config too")
        return CHECK, POLICY
    try:
        settings = load_config(Path(given.config)).automation
    except ConfigErrors as faults:
        raise Malformed(f"--config: {faults}") from None
    check = _named(settings.checks, given.check, "check") or CHECK
    return check, _named(settings.policies, given.policy, "policy") or POLICY


Item = TypeVar("Item", Check, Policy)


def _named(items: Iterable[Item], name: str | None, what: str) -> Item | None:
    known = {item.name: item for item in items}
    if name is not None and name not in known:
        raise Malformed(f"--{what}: there is no {name!r}; there is {', '.join(known) or 'none'}")
    return known[name] if name is not None else next(iter(known.values()), None)


def _value(
    given: Number | None, default: Number, least: Number, most: Number, option: str
) -> Number:
    if given is None:
        return default
    if not least <= given <= most:
        raise Malformed(f"{option} {given:g}: give a value from {least:g} to {most:g}")
    return given
