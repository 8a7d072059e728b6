"""The process that reads a configuration for the server, so that nothing waits meanwhile.

It writes frames (`config.sending`) to standard output.  `reading` starts it.
"""

from __future__ import annotations

import gc
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from failoverdns.config.errors import ConfigErrors
from failoverdns.config.loading import load_config
from failoverdns.config.sending import hello, write_config, write_faults

CPU = 300
"""Seconds of processor time that it may take."""


def read(file: str) -> NoReturn:
    """Read a configuration file, and write it or its errors to standard output."""
    _be_gentle()
    output = sys.stdout.buffer
    output.write(hello())
    output.flush()
    gc.disable()  # all objects stay to the end
    try:
        frames = write_config(load_config(Path(file)))
    except ConfigErrors as faults:
        frames = write_faults(faults.errors)
    for frame in frames:
        output.write(frame)
    output.flush()
    os._exit(0)  # at once, without giving back the memory of single objects


def _be_gentle() -> None:
    """Leave the processor to the server, and be the first to go if memory is short.

    A process whose server was killed ends when it writes, or when its time is over.
    """
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (CPU, CPU))
    with suppress(OSError):
        os.nice(5)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
