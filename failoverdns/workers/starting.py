"""How an answering process is started: its command line and its environment.

It runs the same installation as the control process, in the folder `/`, with a small environment:
what decides how Python and the fast path work, and no secret that the control process was given.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from failoverdns.workers import bootstrap

_PASSED: Final = frozenset(
    {"PATH", "LANG", "LANGUAGE", "TZ", "TZDIR", "LD_LIBRARY_PATH", "LD_PRELOAD", "GLIBC_TUNABLES"}
)
_PASSED_PREFIXES: Final = ("LC_", "PYTHON", "MALLOC_", "ASAN_", "UBSAN_", "FAILOVERDNS_")
_WITHHELD: Final = frozenset({"PYTHONPATH", "PYTHONSTARTUP", "PYTHONINSPECT"})
"""The import path is passed as an argument; the other two are for people at a terminal."""


def command(control_socket: Path, place: int, import_path: Iterable[str]) -> list[str]:
    """Return the command line of the answering process for a place.

    It imports from `import_path`, without relative entries: they mean the current folder.
    """
    path = [entry for entry in import_path if os.path.isabs(entry)]
    file = Path(os.path.abspath(bootstrap.__file__))
    package = file.parents[1]
    return [
        *(sys.executable, "-P", str(file)),
        *(json.dumps(path), str(package), str(control_socket), str(place)),
    ]


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Return what an answering process gets of our environment."""
    return {
        name: value
        for name, value in ours.items()
        if (name in _PASSED or name.startswith(_PASSED_PREFIXES)) and name not in _WITHHELD
    }
