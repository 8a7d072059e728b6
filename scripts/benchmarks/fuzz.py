"""Look for packets that the query corridor cannot take, guided by the coverage of its code.

Atheris (libFuzzer) changes packets as long as that reaches what none reached before.  Nothing may
raise; each reply must be well-formed, and the same whether it lay ready or was found by reading
the whole packet.
What is new is kept in `tests/corpus`, which the suite tries each time; `--prune` lets go of what
reaches nothing that the others do not reach.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from types import FrameType
from typing import Any

CORPUS = Path(__file__).resolve().parents[2] / "tests" / "corpus"

Arc = tuple[str, int, int]
"""A file, and two of its lines that were run one after the other."""

MAX_SIZE = 600
"""Bytes of a packet: more of them bring nothing new."""


def main() -> None:
    """Run from the command line; ends with the process."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000_000, metavar="N", help="10 million")
    parser.add_argument("--seconds", type=int, default=7200, metavar="S", help="at most")
    parser.add_argument("--prune", action="store_true", help="make the corpus smaller, and end")
    arguments = parser.parse_args()
    CORPUS.mkdir(exist_ok=True)
    if arguments.prune:
        prune()
        return
    try:
        import atheris
    except ImportError:
        sys.exit("atheris is missing: .venv/bin/pip install atheris")
    with atheris.instrument_imports(include=["failoverdns"]):
        from packets import small_table, try_every_way
    table = small_table()
    words = [sys.argv[0], f"-max_len={MAX_SIZE}", "-timeout=5", "-print_final_stats=1"]
    words += [f"-runs={arguments.runs}", f"-max_total_time={arguments.seconds}", str(CORPUS)]
    atheris.Setup(words, lambda data: try_every_way(table, data))
    atheris.Fuzz()


def prune() -> None:
    """Keep of the corpus, short packets first, what goes from one line to another anew."""
    from packets import small_table, try_every_way

    table, reached, arcs = small_table(), set[Arc](), set[Arc]()

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if "failoverdns" not in frame.f_code.co_filename:
            return None
        last = frame.f_code.co_firstlineno

        def step(inner: FrameType, event: str, _: object) -> Any:
            nonlocal last
            arcs.add((frame.f_code.co_filename, last, inner.f_lineno))
            last = inner.f_lineno
            return step

        return step

    for file in sorted(CORPUS.iterdir(), key=lambda file: (file.stat().st_size, file.name)):
        arcs.clear()
        sys.settrace(trace)
        try:
            try_every_way(table, file.read_bytes())
        finally:
            sys.settrace(None)
        if arcs <= reached:
            file.unlink()
        reached |= arcs
    print(f"{len(list(CORPUS.iterdir()))} packets are left")


if __name__ == "__main__":
    main()
