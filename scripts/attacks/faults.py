"""Faults of a disk, which a library in C injects into the server's system calls."""

from __future__ import annotations

import errno
import mmap
import random
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parent / "native" / "faults.c"
SYNC, WRITE, RENAME, SHORT, UNSYNCED = 1, 2, 4, 8, 16
"""Calls that can be failed; UNSYNCED makes every sync succeed without an effect."""

FOREVER = 1 << 30
_PLAN = struct.Struct("=6i")


@dataclass(frozen=True, slots=True)
class Fault:
    """Which calls fail, how many pass before, how many fail, and how."""

    calls: int
    skip: int = 0
    times: int = 1
    error: int = errno.EIO
    keep: int = 0
    """The bytes that a short write writes."""


NONE = Fault(0, times=0)
LYING = Fault(UNSYNCED, times=FOREVER)
"""The disk acknowledges every sync and does none."""


class Faults:
    """The plan of faults that servers with `environment` follow; it can be changed at any time."""

    def __init__(self, folder: Path, below: Path) -> None:
        """Compile the library into `folder`; only calls on files below `below` can fail."""
        library, plan = folder / "faults.so", folder / "faults.plan"
        if not library.exists():
            words = ["-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
            subprocess.run(["cc", *words], check=True)
        plan.write_bytes(bytes(_PLAN.size))
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAULTS_PLAN": str(plan),
            "FAULTS_FOLDER": str(below.resolve()),
        }
        with plan.open("r+b") as file:
            self._plan = mmap.mmap(file.fileno(), _PLAN.size)

    def inject(self, fault: Fault) -> None:
        """Let calls fail from now on, in place of the faults before."""
        self._plan[:4] = bytes(4)  # no call is chosen by a half-written plan
        rest = (fault.skip, fault.times, fault.error, fault.keep, 0)
        self._plan[4:] = struct.pack("=5i", *rest)
        self._plan[:4] = struct.pack("=i", fault.calls)

    def end(self) -> int:
        """End the faults; return the number of calls that failed."""
        done: int = _PLAN.unpack(self._plan[:])[5]
        self.inject(NONE)
        return done


def draw(dice: random.Random) -> Fault:
    """Return a random fault: of one call or of many, soon or a little later."""
    calls = dice.choice([SYNC, SYNC, SYNC, WRITE, WRITE, RENAME, SHORT])
    return Fault(
        calls,
        skip=dice.choice([0, 0, dice.randrange(4), dice.randrange(30)]),
        times=dice.choice([1, 1, 2, 3, dice.randrange(1, 30), FOREVER]),
        error=dice.choice([errno.EIO, errno.ENOSPC]),
        keep=dice.choice([1, 20, 100, 512, 4000]),
    )
