"""The process that reads a configuration for the server, so that nothing waits meanwhile.

Python is started with `-P` on this file.  Like an answering process (`workers.bootstrap`) it uses
the server's import path and package folder, so nothing is imported from the current folder, and
nothing of failoverdns may be imported at the top.  It writes frames (`config.sending`) to standard
output.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
from contextlib import suppress
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

CPU = 300
"""Seconds of processor time that it may take."""


def main() -> int:
    """Read the file `argv[3]`, with the package in `argv[2]` and the import path `argv[1]`."""
    _, path, folder, file = sys.argv
    _be_gentle()
    sys.path[:] = json.loads(path)
    spec = spec_from_file_location(
        "failoverdns", f"{folder}/__init__.py", submodule_search_locations=[folder]
    )
    assert spec is not None
    assert spec.loader is not None
    package = sys.modules["failoverdns"] = module_from_spec(spec)
    spec.loader.exec_module(package)
    from failoverdns.config import ConfigErrors, load_config
    from failoverdns.config.sending import hello, write_config, write_faults

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


if __name__ == "__main__":
    sys.exit(main())
