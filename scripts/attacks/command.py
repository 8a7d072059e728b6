"""`scripts/attack`: run one of the attacks, and print what it showed.

The exit status is 1 if a promise was broken, and 2 if the attack cannot be run here.
"""

from __future__ import annotations

import argparse
import functools
import signal
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.measuring import machine

from attacks import disk, floods, losses, tables
from attacks.cases import CASES
from attacks.kills import Kills
from attacks.power import PowerLosses, loses_what_is_not_synced
from attacks.rounds import Make, attack


def main(given: Sequence[str] | None = None) -> int:
    """Run an attack; return the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    arguments = _parser().parse_args(given)
    status: int = arguments.run(arguments)
    return status


def _kills(arguments: argparse.Namespace) -> int:
    return _durability("kills", Kills, arguments)


def _power(arguments: argparse.Namespace) -> int:
    kind = arguments.filesystem
    with tempfile.TemporaryDirectory() as name:
        problem = disk.obstacle(Path(name), kind)
        if problem is not None:
            print(f"scripts/attack power: {problem}", file=sys.stderr)
            return 2
    for control in (False, True):
        if not _is_noticed(kind, control):
            what = "a disk that does not sync" if control else "a file that was not synced"
            print(f"scripts/attack power: {what} lost nothing", file=sys.stderr)
            return 2
    print("negative controls: unsynced data is lost, and a disk that does not sync is noticed")
    return _durability("power losses", functools.partial(PowerLosses, kind=kind), arguments)


def _is_noticed(kind: str, lying: bool) -> bool:
    with tempfile.TemporaryDirectory() as name:
        if not lying:
            return loses_what_is_not_synced(Path(name), kind)
        result = PowerLosses(Path(name), "control", kind=kind, lying=True).run(5)
        return bool(result.tally.broken)


def _durability(name: str, make: Make, arguments: argparse.Namespace) -> int:
    print(f"{name}, seed {arguments.seed}, {_where()}", flush=True)
    result = attack(make, arguments.rounds, arguments.instances, arguments.seed, arguments.keep)
    print(tables.markdown(tables.durability(result)))
    figures = {"where": machine(), **tables.as_json(result)}
    tables.write_json(arguments.json, figures)
    return 1 if result.tally.broken or result.rounds < arguments.rounds else 0


def _losses(arguments: argparse.Namespace) -> int:
    print(f"losses, {_where()}", flush=True)
    results: list[dict[str, Any]] = []
    for name in arguments.cases or CASES:
        result = losses.measure(CASES[name], arguments.scale)
        results.append(result)
        print(f"{name}: {result['notes']}", flush=True)
    print(tables.markdown(losses.rows(results)))
    tables.write_json(arguments.json, {"where": machine(), "results": results})
    return 1 if any(result["wrong"] for result in results) else 0


def _http(arguments: argparse.Namespace) -> int:
    print(f"floods of HTTP clients, {_where()}", flush=True)
    chosen = {
        name: flood for name, flood in floods.FLOODS.items() if (arguments.only or "") in name
    }
    results: dict[str, dict[str, Any]] = {}
    for is_secure in (False, True):
        of_kind = {name: f for name, f in chosen.items() if f.is_secure == is_secure}
        if of_kind:
            with tempfile.TemporaryDirectory() as name:
                stage = floods.Stage(Path(name), groups=arguments.groups, is_secure=is_secure)
                try:
                    for name, flood in of_kind.items():
                        results[name] = stage.measure(flood, arguments.seconds)
                        found = results[name]
                        print(f"{name}: {found['processor_s']} {found['clients']}", flush=True)
                finally:
                    stage.close()
    print(tables.markdown(floods.rows(results)))
    tables.write_json(arguments.json, {"where": machine(), "results": results})
    return 1 if any(result["broken"] for result in results.values()) else 0


def _where() -> str:
    at = datetime.now(UTC).isoformat(timespec="minutes")
    return f"{at}, " + ", ".join(f"{name} {value}" for name, value in machine().items())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/attack", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="ATTACK")
    for name, run, rounds, text in (
        ("kills", _kills, 1000, "kill -9 at random moments of streams of changes"),
        ("power", _power, 200, "power losses of the disk in streams of changes; needs root"),
    ):
        one = commands.add_parser(name, help=text, description=text)
        one.set_defaults(run=run)
        one.add_argument("--rounds", type=int, default=rounds, metavar="N")
        one.add_argument("--instances", type=int, default=2, metavar="N", help="servers at a time")
        one.add_argument("--seed", default="1", metavar="TEXT")
        one.add_argument("--keep", type=Path, metavar="FOLDER", help="for states that broke")
        one.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
        if name == "power":
            one.add_argument("--filesystem", choices=sorted(disk.SIZES), default="ext4")
    text = "DNS queries lost and late while processes end, hang and restart"
    one = commands.add_parser("losses", help=text, description=text)
    one.set_defaults(run=_losses)
    one.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; all of them")
    one.add_argument("--scale", type=float, default=1.0, help="the share of the events to cause")
    one.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    text = "floods of HTTP clients: requests, wrong tokens, streams, half requests, handshakes"
    one = commands.add_parser("http", help=text, description=text)
    one.set_defaults(run=_http)
    one.add_argument("--only", metavar="TEXT", help="floods whose names contain this")
    one.add_argument("--seconds", type=float, default=10.0, metavar="S", help="of each flood (10)")
    one.add_argument("--groups", type=int, default=1000, metavar="N", help="of the server (1000)")
    one.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
