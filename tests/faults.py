"""System calls of another process that fail when a test says so, by a library loaded into it."""

from __future__ import annotations

import atexit
import errno
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from system.server import tool

FOREVER = 1_000_000
AFTER_ANOTHER = -1
"""As the number of calls to skip: fail only after another fault has occurred."""


class Faults:
    """The faults of processes that are started with `environment`."""

    def __init__(self, folder: Path) -> None:
        """Keep the list of faults in a folder of the test."""
        folder.mkdir(exist_ok=True)
        self._list = folder / "faults"
        self.clear()
        self.environment = {"LD_PRELOAD": str(_library()), "FAULTY_CALLS": str(self._list)}

    def set(
        self,
        call: str,
        name: str,
        error: str = "EIO",
        *,
        skip: int = 0,
        times: int = FOREVER,
        keep: int = -1,
    ) -> None:
        """Let calls on files whose path ends with `name`, or on all (`*`), fail after `skip` more.

        `call` is write, fsync, rename, open (with permission to write) or allocate.  With `keep`, a
        write does not fail but writes that many bytes.
        """
        line = f"{call} {name} {getattr(errno, error)} {skip} {times} {keep}\n"
        new = self._list.with_name("faults.new")
        new.write_text(self._list.read_text() + line)
        os.replace(new, self._list)

    def clear(self) -> None:
        """Let all calls succeed again."""
        self._list.write_text("")


@cache
def _library() -> Path:
    """Compile the library, once in a run of the tests."""
    folder = Path(tempfile.mkdtemp(prefix="failoverdns-faults-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    library = folder / "faulty_calls.so"
    source = Path(__file__).with_name("faulty_calls.c")
    command = [tool("cc"), "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"]
    subprocess.run(command, check=True, timeout=60)
    return library
