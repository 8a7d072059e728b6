"""Probes that run programs: how they end, their environment, and that nothing of them remains."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from heads import Probed, make_target, turn_until

from failoverdns.model.health import Cause, CheckKind, ProbeResult, ProbeTarget
from failoverdns.probing.program_probe import environment


def shell(script: str, timeout: float = 20.0) -> ProbeTarget:
    """A target that is probed by a line of shell."""
    names = ("www.shop.example", "shop.example")
    run = ("/bin/sh", "-c", script)
    return make_target(CheckKind.EXEC, host="192.0.2.1", names=names, run=run, timeout=timeout)


@pytest.mark.parametrize(
    ("script", "cause", "detail"),
    [
        ("exit 0", None, ""),
        ("echo well; exit 0", None, ""),
        ("exit 3", Cause.EXIT, "exit status 3"),
        ("echo first; echo 'no disk' >&2; exit 3", Cause.EXIT, "exit status 3: no disk"),
        ("printf 'bad\\033[31m \\n\\n'; exit 1", Cause.EXIT, "exit status 1: bad?[31m"),
        ("kill -9 $$", Cause.EXIT, "was ended by signal 9"),
        ("exec >&- 2>&-; exit 4", Cause.EXIT, "exit status 4"),
        ("seq 1 20000; echo the end; exit 5", Cause.EXIT, "exit status 5: the end"),
        ("sleep 60 & exit 0", None, ""),
        ("sleep 60 & echo x; exit 6", Cause.EXIT, "exit status 6: x"),
    ],
)
def test_the_end_of_a_program_decides(
    probed: Probed, script: str, cause: Cause | None, detail: str
) -> None:
    """Its last line is reported; a child that holds its output delays nothing."""
    result = probed(shell(script))
    assert (result.cause, result.detail) == (cause, detail)
    assert result.seconds < 10


def test_a_program_that_takes_too_long_is_killed_with_all_its_children(
    probed: Probed, tmp_path: Path
) -> None:
    """Even if it ignores SIGTERM."""
    pids = tmp_path / "pids"
    script = f"trap '' TERM; echo looking; sleep 60 & echo $$ $! > {pids}; wait"
    result = probed(shell(script, timeout=0.2))
    assert result.cause is Cause.TIMEOUT
    assert result.detail == "did not end within 0.2 s: looking"
    assert 0.2 <= result.seconds < 5
    both = [int(pid) for pid in pids.read_text().split()]
    turn_until(lambda: not any(map(is_running, both)))


def test_no_process_of_a_program_remains(probed: Probed, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    assert probed(shell(f"sleep 60 & echo $! > {pids}")).is_good
    (child,) = [int(pid) for pid in pids.read_text().split()]
    turn_until(lambda: not is_running(child))


def test_a_program_that_prints_without_end_is_killed_too(probed: Probed) -> None:
    """Only the end of its output is kept."""
    result = probed(shell("exec yes", timeout=0.2))
    assert (result.cause, result.detail) == (Cause.TIMEOUT, "did not end within 0.2 s: y")


def test_a_program_that_closes_its_output_uses_no_cpu_time(probed: Probed) -> None:
    found: list[ProbeResult] = []
    probed.prober.probe(shell("exec >&- 2>&-; sleep 0.2; exit 4"), found.append)
    assert turn_until(lambda: bool(found)) < 50
    assert found[0].detail == "exit status 4"


def test_a_program_that_cannot_be_run_says_nothing_about_the_head(
    probed: Probed, tmp_path: Path
) -> None:
    """Whether the kernel notices it, or `env` in the first line of a script."""
    (tmp_path / "text").write_text("not a program")
    (tmp_path / "script").write_text("#!/usr/bin/env python3\r\n")
    (tmp_path / "script").chmod(0o755)
    for path, words in (
        ("missing", "No such file or directory"),
        ("text", "it is not executable for this user"),
        ("script", "its first line ends in CR"),
    ):
        run = (str(tmp_path / path),)
        result = probed(make_target(CheckKind.EXEC, run=run))
        assert result.cause is Cause.LOCAL
        assert result.detail.startswith(f"{run[0]} cannot be run: {words}")


def test_a_program_that_ends_as_a_shell_does_for_a_missing_command_is_bad(
    probed: Probed, tmp_path: Path
) -> None:
    """The program itself could be run: what it calls is its own affair."""
    script = tmp_path / "script"
    script.write_text("#!/usr/bin/env sh\nno-such-command-at-all\n")
    script.chmod(0o755)
    result = probed(make_target(CheckKind.EXEC, run=(str(script),)))
    assert result.cause is Cause.EXIT
    assert result.detail.startswith("exit status 127")


def test_a_program_gets_the_target_in_its_environment_and_nothing_else(
    probed: Probed, tmp_path: Path
) -> None:
    """No variable of the server gets in, such as a password from systemd."""
    os.environ["SECRET_OF_THE_SERVER"] = "x"
    try:
        assert probed(shell(f"/usr/bin/env > {tmp_path}/seen")).is_good
    finally:
        del os.environ["SECRET_OF_THE_SERVER"]
    lines = (tmp_path / "seen").read_text().splitlines()
    seen = dict(line.split("=", 1) for line in lines if not line.startswith(("PWD", "SHLVL", "_=")))
    assert (
        seen
        == environment(shell(""))
        == {
            "PATH": os.environ["PATH"],
            "FAILOVERDNS_APPLICATION": "shop-eu",
            "FAILOVERDNS_HEAD": "web1",
            "FAILOVERDNS_ADDRESS": "192.0.2.1",
            "FAILOVERDNS_NAMES": "www.shop.example shop.example",
        }
    )


def test_no_more_programs_run_than_there_are_places() -> None:
    """And they do not keep connections waiting."""
    probed = Probed(max_programs=2)
    began = time.monotonic()
    results = probed.all(*[shell("sleep 0.1")] * 5)
    assert all(result.is_good for result in results)
    assert time.monotonic() - began >= 0.3
    assert all(0.1 <= result.seconds < 5 for result in results)
    probed.prober.stop()


def is_running(pid: int) -> bool:
    """Return whether a process exists and has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
