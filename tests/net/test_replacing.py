"""A program that replaces another one under the same process id, tried with real programs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from heads import reactor, turn_until

from failoverdns.net.replacing import HANDLED, Reaper, children_of, replace_program

NEXT = """\
import json, os, signal
from failoverdns.net.replacing import children_of, unblock_signals
blocked = sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, ())))
ignored = signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN
arrived = []
signal.signal(signal.SIGHUP, lambda *_: arrived.append("hup"))
unblock_signals()
print(json.dumps({
    "pid": os.getpid(), "blocked": blocked, "ignored": ignored, "arrived": arrived,
    "left": sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, ()))),
    "open": [n for n in map(int, os.listdir("/proc/self/fd")) if n > 2 and n < 200],
    "kept": os.read(int(os.environ["KEPT"]), 100).decode(), "children": children_of(os.getpid()),
}))
"""
FIRST = """\
import os, signal, subprocess, sys, threading
from failoverdns.net.replacing import replace_program
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
nothing = subprocess.DEVNULL
child = subprocess.Popen(["sleep", "60"], stdout=nothing, stderr=nothing)
reading, writing = os.pipe()
os.write(writing, b"handed over")
os.set_inheritable(writing, True)  # by mistake
os.set_inheritable(reading, True)
threading.Thread(target=threading.Event().wait, daemon=True).start()
print(os.getpid(), child.pid, flush=True)
command = [sys.executable, "-c", sys.argv[1]]
replace_program(command, {**os.environ, "KEPT": str(reading)}, [reading])
"""


def test_only_what_is_handed_over_survives() -> None:
    """The process id stays; threads, other descriptors and ignored signals do not."""
    done = subprocess.run(
        [sys.executable, "-c", FIRST, NEXT], capture_output=True, text=True, timeout=60, check=True
    )
    first, second = done.stdout.splitlines()
    pid, child = map(int, first.split())
    try:
        found = json.loads(second)
        assert found["pid"] == pid
        assert found["kept"] == "handed over"
        assert len(found["open"]) == 2, "the pipe, and the folder that lists them"
        assert found["blocked"] == sorted(HANDLED)
        assert found["left"] == []
        assert not found["ignored"]
        assert found["children"] == [child]
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_program_that_cannot_be_run_changes_nothing() -> None:
    reading, writing = os.pipe()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    ignored = signal.getsignal(signal.SIGPIPE)
    os.set_inheritable(reading, True)
    with pytest.raises(FileNotFoundError):
        replace_program(["/does/not/exist"], {}, [reading])
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    assert signal.getsignal(signal.SIGPIPE) == ignored
    assert not os.get_inheritable(reading)
    os.close(reading)
    os.close(writing)


def test_children_of_the_program_before_are_waited_for() -> None:
    """Others are left to whoever started them."""
    ours = subprocess.Popen(["sleep", "60"])
    before = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    assert {ours.pid, before} <= set(children_of(os.getpid()))
    reaper = Reaper([before, 999_999], reactor())
    reaper.start()
    for pid in (ours.pid, before):
        os.kill(pid, signal.SIGKILL)
    turn_until(lambda: not reaper.children)
    assert before not in children_of(os.getpid())
    time.sleep(0.05)
    assert ours.wait(5) == -signal.SIGKILL
