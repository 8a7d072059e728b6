"""A SQLite store in a process of its own, which a test can kill and whose system calls can fail.

As a program it carries out the calls that it reads, one a line, and prints the result of each.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]


class StoreProcess:
    """A store that runs in a process; every method returns the printed result."""

    def __init__(self, path: Path, environment: dict[str, str]) -> None:
        """Start the process; nothing is loaded yet."""
        folders = os.pathsep.join([str(TESTS), *filter(None, sys.path)])
        self._process = subprocess.Popen(
            [sys.executable, __file__, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": folders, **environment},
            text=True,
        )

    def call(self, name: str, *values: object) -> Any:
        """Call a function of this module in the process; return its result or its fault."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, *values]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the process ended"
        return json.loads(line)

    def kill(self) -> None:
        """End the process as `kill -9` does."""
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()


def main(path: Path) -> None:
    """Carry out calls from standard input."""
    from driving import at_once, run
    from store.test_store import BUNDLES, EVERY_KIND, change
    from vaults import vault_beside

    from failoverdns.model.change import Write
    from failoverdns.model.delivery import Fetch, HookProgress
    from failoverdns.store.sqlite import SQLiteStore

    store = SQLiteStore(path, at_once, vault_beside(path))
    calls: dict[str, Any] = {
        "load": lambda: run(store.load()).revision,
        "commit": lambda expected, size=0: run(
            store.commit(expected, [change(expected + 1, subjects=("x" * size,) if size else ())])
        ),
        "fill": lambda: run(
            store.commit(0, [change(1, *(Write(None, e) for e in EVERY_KIND))], (), BUNDLES)
        ),
        "revisions": lambda: [found.revision for found in run(store.changes_after(0))],
        "keys": lambda: (
            [run(store.bundle(bundle.id)).key.reveal() for bundle in BUNDLES]
            == [bundle.key.reveal() for bundle in BUNDLES]
        ),
        "rotate": lambda: run(store.rotate_key()),
        "fetch": lambda: run(store.record_fetch(Fetch(1.0, "app-1", "web1", "::1", "f", "pem"))),
        "fetches": lambda: len(run(store.fetches("app-1", 10))),
        "progress": lambda: run(store.save_progress("hook", HookProgress(1))),
        "verify": lambda: run(store.verify()).revision,
        "condition": lambda: [
            store.condition().fault,
            store.condition().read_only,
            store.condition().reserve.value,
        ],
        "close": lambda: run(store.close()),
    }
    for line in sys.stdin:
        name, *values = json.loads(line)
        try:
            result = calls[name](*values)
        except Exception as fault:
            result = [type(fault).__name__, str(fault)]
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
