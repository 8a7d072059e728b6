"""The command line and the environment of a process of ours."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from failoverdns.net.own_process import command, environment


def test_a_process_gets_our_import_path_without_relative_entries() -> None:
    """A relative entry means the current folder."""
    ours = ["", "relative", "/absolute", *sys.path]
    words = ["/run/control.sock", "3"]
    executable, flag, file, path, package, function, *rest = command("a.b:c", words, ours)
    assert function == "a.b:c"
    assert (executable, flag, rest) == (sys.executable, "-P", ["/run/control.sock", "3"])
    assert "/absolute" in json.loads(path)
    assert all(os.path.isabs(entry) for entry in json.loads(path))
    assert Path(file).parent.parent == Path(package)
    assert Path(package, "__init__.py").exists()


def test_only_what_decides_how_python_works_is_passed_on() -> None:
    """Tokens, systemd's variables and the import path are not."""
    passed = {
        "PATH": "/bin",
        "TZ": "UTC",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "0",
        "FAILOVERDNS_FAST_PATH": "python",
    }
    others = {
        "LISTEN_FDS": "2",
        "LISTEN_PID": "1",
        "NOTIFY_SOCKET": "/x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "HOME": "/root",
        "PYTHONPATH": ":",
        "PYTHONSTARTUP": "x.py",
        "PYTHONINSPECT": "1",
    }
    assert environment({**passed, **others}) == passed
