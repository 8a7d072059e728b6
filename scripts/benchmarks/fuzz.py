"""Search for packets on which answering fails, guided by the coverage of its code.

Atheris (libFuzzer) changes packets as long as they reach new code.  Nothing may raise, and each
reply must be well-formed.  The prepared reply, if there is one, must equal that of the full parser.
New packets are stored in `tests/corpus`, which the test suite runs; `--prune` removes packets that
reach no code of their own.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from types import FrameType
from typing import Any

CORPUS = Path(__file__).resolve().parents[2] / "tests" / "corpus"

Arc = tuple[str, int, int]
"""A file, and two of its lines that ran one after the other."""

MAX_SIZE = 600
"""The size limit of packets in bytes; longer ones reach no new code."""


def main() -> None:
    """Fuzz or prune from the command line; does not return."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--runs", type=int, default=10_000_000, metavar="N", help="packets to try (10 million)"
    )
    parser.add_argument(
        "--seconds", type=int, default=7200, metavar="S", help="time limit in seconds (7200)"
    )
    parser.add_argument(
        "--prune", action="store_true", help="only remove redundant packets from the corpus"
    )
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
    """Remove the packets that reach no new pair of lines; short packets are checked first."""
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
