"""Look for packets that the query corridor cannot take, guided by the coverage of its code.

Atheris (libFuzzer) changes packets as long as that reaches what none reached before.  Nothing may
raise; each reply must be well-formed, and the same whether it lay ready or was found by reading
the whole packet.
What is new is kept in `tests/corpus`, which the suite tries each time; `--merge` keeps only what
is needed to reach as much.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

CORPUS = Path(__file__).resolve().parents[2] / "tests" / "corpus"

MAX_SIZE = 600
"""Bytes of a packet: more of them bring nothing new."""


def main() -> None:
    """Run from the command line; ends with the process."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000_000, metavar="N", help="10 million")
    parser.add_argument("--seconds", type=int, default=7200, metavar="S", help="at most")
    parser.add_argument(
        "--merge", action="store_true", help="make the corpus as small as it can be"
    )
    arguments = parser.parse_args()
    try:
        import atheris
    except ImportError:
        sys.exit("atheris is missing: .venv/bin/pip install atheris")
    with atheris.instrument_imports(include=["failoverdns"]):
        from packets import small_table, try_every_way
    table = small_table()
    CORPUS.mkdir(exist_ok=True)
    words = [sys.argv[0], f"-max_len={MAX_SIZE}", "-timeout=5", "-print_final_stats=1"]
    if arguments.merge:
        whole = Path(tempfile.mkdtemp())
        for file in CORPUS.iterdir():
            file.rename(whole / file.name)
        words += ["-merge=1", str(CORPUS), str(whole)]
    else:
        words += [f"-runs={arguments.runs}", f"-max_total_time={arguments.seconds}", str(CORPUS)]
    atheris.Setup(words, lambda data: try_every_way(table, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
