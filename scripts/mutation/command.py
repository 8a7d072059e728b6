"""`scripts/mutate`: draw mutants of packages, try them, and print the undetected ones."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from mutation.mutants import Mutant, draw, mutants_of
from mutation.trying import PACKAGE, ROOT, Unsound, check_tests, files_of, is_noticed

Tried = tuple[str, Mutant, bool]
"""A file, its mutant, and whether a test failed."""


def main(given: Sequence[str] | None = None) -> int:
    """Try mutants; return 0 whichever survive, and 1 if the tests cannot be run."""
    arguments = _parser().parse_args(given)
    results = {}
    try:
        for part in arguments.parts:
            results[part] = _try(part, arguments)
    except (Unsound, OSError) as fault:
        print(f"nothing was measured: {fault}")
        return 1
    print("\n".join(report(results)))
    return 0


def report(results: dict[str, list[Tried]]) -> Iterable[str]:
    """Yield the lines of a table of packages and of a list of the mutants that survived."""
    yield f"{'package':<20}{'mutants':>8}{'killed':>8}{'survived':>10}{'score':>7}"
    for part, tried in results.items():
        killed = sum(noticed for _, _, noticed in tried)
        score = f"{100 * killed / len(tried):.0f} %" if tried else "-"
        yield f"{part:<20}{len(tried):>8}{killed:>8}{len(tried) - killed:>10}{score:>7}"
    for file, mutant, noticed in (each for tried in results.values() for each in tried):
        if not noticed:
            yield f"{PACKAGE}/{file}:{mutant.line}: {mutant.kind}: {mutant.change}"


def _try(part: str, arguments: argparse.Namespace) -> list[Tried]:
    every = (
        (file, mutant)
        for file in files_of(ROOT, part)
        for mutant in mutants_of((ROOT / PACKAGE / file).read_text())
    )
    drawn = draw(every, arguments.mutants, arguments.seed)
    check_tests(ROOT, {file for file, _ in drawn})

    def tried(each: tuple[str, Mutant]) -> Tried:
        return (*each, is_noticed(ROOT, *each, arguments.limit))

    with ThreadPoolExecutor(arguments.jobs) as threads:
        return list(threads.map(tried, drawn))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/mutate", description=__doc__)
    parser.add_argument(
        "parts", nargs="+", metavar="PACKAGE", help="rules, protocol, answering ..."
    )
    parser.add_argument(
        "--mutants", type=int, default=24, help="mutants of each package (%(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="a number for the random draw (%(default)s)"
    )
    parser.add_argument(
        "--limit", type=float, default=60.0, help="seconds for each stage of tests (%(default)s)"
    )
    parser.add_argument(
        "--jobs", type=int, default=1, help="mutants to try at a time (%(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
