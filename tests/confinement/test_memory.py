"""A process with secrets leaves no core when it crashes, whatever the limits were before."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

CRASH = """
import os, resource, signal
from failoverdns.confinement.memory import hide_memory, is_dumpable
if {hidden}:
    hide_memory()
    resource.prlimit(os.getpid(), resource.RLIMIT_CORE)
print(is_dumpable(), flush=True)
os.kill(os.getpid(), signal.SIGSEGV)
"""


@pytest.mark.parametrize("hidden", [False, True])
def test_a_process_whose_memory_is_hidden_leaves_no_core(tmp_path: Path, hidden: bool) -> None:
    """The kernel says whether it wrote one: also where a program gets cores."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if hard == 0:
        pytest.skip("cores are forbidden here")
    read, write = os.pipe()
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        words = [sys.executable, "-P", "-c", CRASH.format(hidden=hidden)]
        process = subprocess.Popen(words, cwd=tmp_path, stdout=write)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    os.close(write)
    with os.fdopen(read) as output:
        assert output.read() == f"{not hidden}\n"
    _, status = os.waitpid(process.pid, 0)
    process.returncode = -1
    assert os.WCOREDUMP(status) is not hidden
