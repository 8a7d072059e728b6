"""Capabilities of programs that the server runs, tried with a process that becomes another user."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

NOBODY = 65534
BIND_ONLY = 1 << 10

BECOME = """
import json, os, socket, subprocess, sys
from failoverdns.confinement import capabilities
from failoverdns.confinement.user import CannotBecome, become

def of_program():
    text = subprocess.run(["/bin/cat", "/proc/self/status"], capture_output=True, text=True).stdout
    fields = dict(line.split(":", 1) for line in text.splitlines())
    return {name: int(fields[name], 16) for name in ("CapPrm", "CapEff", "CapAmb")}

capabilities.pass_on_nothing()
become("nobody")
with socket.socket() as sock:
    sock.bind(("127.0.0.1", int(sys.argv[1])))
found = {"own": capabilities.own().permitted, "program": of_program()}
with capabilities.passed_on():
    found["passed on"] = of_program()
found["after"] = of_program()
try:
    os.setuid(0)
    found["root"] = True
except PermissionError:
    found["root"] = False
try:
    become("daemon")
except CannotBecome as fault:
    found["fault"] = str(fault)
print(json.dumps(found))
"""


def test_a_user_keeps_the_right_to_bind_and_passes_it_on_only_when_told() -> None:
    """Programs such as hooks get no capability; the next version of the server gets one."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    done = subprocess.run(
        [sys.executable, "-P", "-c", BECOME, "817"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    none = {"CapPrm": 0, "CapEff": 0, "CapAmb": 0}
    assert json.loads(done.stdout) == {
        "own": BIND_ONLY,
        "program": none,
        "passed on": dict.fromkeys(none, BIND_ONLY),
        "after": none,
        "root": False,
        "fault": "only root can become daemon, and the server was started as nobody: "
        "start it as root or as daemon",
    }
