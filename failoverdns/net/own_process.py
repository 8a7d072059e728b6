"""How a process of ours is started: its command line and its environment.

It runs the same installation as the control process, with a small environment: what decides how
Python and the fast path work, and no secret that the control process was given.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from failoverdns.net import bootstrap

_PASSED: Final = frozenset(
    {"PATH", "LANG", "LANGUAGE", "TZ", "TZDIR", "LD_LIBRARY_PATH", "LD_PRELOAD", "GLIBC_TUNABLES"}
)
_PASSED_PREFIXES: Final = ("LC_", "PYTHON", "MALLOC_", "ASAN_", "UBSAN_", "FAILOVERDNS_")
_WITHHELD: Final = frozenset({"PYTHONPATH", "PYTHONSTARTUP", "PYTHONINSPECT"})
"""The import path is passed as an argument; the other two are for people at a terminal."""


def command(function: str, words: Iterable[str], import_path: Iterable[str]) -> list[str]:
    """Return the command line of a process that runs a function, written `module:name`.

    The function gets `words`, and returns the exit status.  The process imports from
    `import_path`, without relative entries: they mean the current folder.
    """
    path = [entry for entry in import_path if os.path.isabs(entry)]
    file = Path(os.path.abspath(bootstrap.__file__))
    return [
        *(sys.executable, "-P", str(file)),
        *(json.dumps(path), str(file.parents[1]), function, *words),
    ]


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Return what a process of ours gets of our environment."""
    return {
        name: value
        for name, value in ours.items()
        if (name in _PASSED or name.startswith(_PASSED_PREFIXES)) and name not in _WITHHELD
    }
