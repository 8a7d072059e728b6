"""A configuration is read by a process of its own, which is ended whatever it does."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from heads import reactor, turn_until
from twisted.internet.defer import Deferred
from twisted.internet.process import reapAllProcesses
from twisted.python.failure import Failure

from failoverdns.config import ConfigErrors, load_config
from failoverdns.config.sending import hello
from failoverdns.reading import READING, CannotRead, ReadingProcess

CONFIG = """\
zones:
  failover.test:
    nameservers: {ns1: [192.0.2.53]}
    records: ["www A 192.0.2.1"]
listen: ["127.0.0.1:5300"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a configuration file."""
    path = tmp_path / "failoverdns.yaml"
    path.write_text(CONFIG)
    return path


def result(process: ReadingProcess) -> Any:
    """Return what a process has read, or the exception."""
    found: list[Any] = []
    Deferred.fromCoroutine(process.config()).addBoth(found.append)

    def is_over() -> bool:
        reapAllProcesses()  # what SIGCHLD does where the reactor runs
        return bool(found)

    turn_until(is_over)
    return found[0].value if isinstance(found[0], Failure) else found[0]


def read(file: Path, code: str | None = None, seconds: float = READING) -> Any:
    """Read a file with the program, or with one of `code`."""
    program = None
    if code is not None:
        text = f"import os, sys, time\nout = sys.stdout.buffer\n{code}\n"
        program = [sys.executable, "-P", "-c", text]
    return result(ReadingProcess(reactor(), file, seconds, program))


def test_the_configuration_is_the_one_that_a_start_loads(file: Path) -> None:
    assert read(file) == load_config(file)


def test_errors_are_those_of_a_start(file: Path) -> None:
    file.write_text(CONFIG.replace("www A", "www B").replace("5300", "99999"))
    found = read(file)
    assert isinstance(found, ConfigErrors)
    with pytest.raises(ConfigErrors) as faults:
        load_config(file)
    assert found.errors == faults.value.errors


def test_nothing_is_imported_from_the_current_folder(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file.parent / "yaml.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(file.parent)
    assert read(file) == load_config(file)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("os.kill(os.getpid(), 9)", "was ended by SIGKILL; is there enough memory?"),
        ("os.kill(os.getpid(), 11)", "was ended by SIGSEGV"),
        ("raise MemoryError", "failed: MemoryError"),
        ("sys.exit(3)", "failed: it gave no reason"),
        ("pass", "failed: it gave no reason"),
        ("out.write(b'hello, here I am')", "is another program"),
        (f"out.write({hello()!r})", "failed: it gave no reason"),
        ("sys.stderr.write('x' * 100000)", "failed: " + "x" * 4096),
    ],
)
def test_a_process_that_fails_is_reported_in_one_line(file: Path, code: str, why: str) -> None:
    found = read(file, code)
    assert isinstance(found, CannotRead)
    assert str(found).endswith(why)
    assert "\n" not in str(found)


def test_a_process_that_takes_too_long_is_killed(file: Path) -> None:
    found = read(file, "time.sleep(60)", 0.3)
    assert isinstance(found, CannotRead)
    assert str(found) == "the configuration was not read within 0.3 s"


def test_a_process_can_be_killed_before_it_has_read(file: Path) -> None:
    program = [sys.executable, "-P", "-c", "import time; time.sleep(60)"]
    process = ReadingProcess(reactor(), file, program=program)
    process.kill("the server stops")
    began = time.monotonic()
    assert str(result(process)) == "the server stops"
    assert time.monotonic() - began < 30


def test_the_process_gets_a_small_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "word")
    found = read(file, "sys.exit(' '.join(sorted(os.environ)))")
    assert "SECRET" in os.environ
    assert "SECRET" not in str(found)
    assert "PATH" in str(found)
