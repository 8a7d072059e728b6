"""One run of a program: its environment, its folder, its end, and the output that is kept."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from authority import make_authority

from failoverdns.delivery.hook_programs import GRACE, Lineage, Program, Run, sweep, without_key
from failoverdns.pki.certificates import read_bundle

ISSUED = make_authority().issue("www.shop.example", "shop.example")
BUNDLE, FACTS = read_bundle(ISSUED.chain, ISSUED.key)
LINEAGE = Lineage("shop-eu", FACTS.names, BUNDLE)


def shell(script: str, timeout: float = 30.0, grace: float = GRACE) -> Program:
    """A program that runs a line of shell."""
    return Program(["/bin/sh", "-c", script], timeout, grace)


def is_running(pid: int) -> bool:
    """Return whether a process exists and has not ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


def test_the_environment_has_only_the_given_variables_and_a_path(tmp_path: Path) -> None:
    """No variable of the server gets in, such as a password from systemd."""
    os.environ["SECRET_OF_THE_SERVER"] = "x"
    try:
        run = shell("env").run({"FAILOVERDNS_EVENT": "switch"}, None, tmp_path)
    finally:
        del os.environ["SECRET_OF_THE_SERVER"]
    names = {line.partition("=")[0] for line in run.output.splitlines()}
    assert run.problem is None
    assert names - {"PWD", "SHLVL", "_", "OLDPWD"} == {"FAILOVERDNS_EVENT", "PATH"}


def test_the_folder_is_like_certbots_and_exists_as_long_as_the_program_runs(tmp_path: Path) -> None:
    script = 'cd "$RENEWED_LINEAGE" && ls && cat cert.pem chain.pem && pwd'
    run = shell(script).run({}, LINEAGE, tmp_path)
    *files, place = run.output.splitlines()
    assert files[:4] == ["cert.pem", "chain.pem", "fullchain.pem", "privkey.pem"]
    assert "\n".join(files[4:]) + "\n" == ISSUED.chain
    assert Path(place).name == "shop-eu"
    assert not Path(place).exists()
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_removed_even_if_the_program_is_killed(tmp_path: Path) -> None:
    assert shell("sleep 60", 0.2).run({}, LINEAGE, tmp_path).problem == "did not end within 0.2 s"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("exit 0", None),
        ("exit 3", "exit status 3"),
        ("kill -9 $$", "was ended by signal 9"),
        ("exec >&- 2>&-; sleep 0.2; exit 4", "exit status 4"),
        ("sleep 60 & exit 0", None),
    ],
)
def test_the_end_of_a_program_is_reported(tmp_path: Path, script: str, problem: str | None) -> None:
    """Its children in the background delay nothing."""
    began = time.monotonic()
    assert shell(script).run({}, None, tmp_path).problem == problem
    assert time.monotonic() - began < 20


def test_a_program_that_cannot_be_run_is_reported(tmp_path: Path) -> None:
    """With the mistake, also where only the interpreter of a script could be run."""
    (tmp_path / "text").write_text("not a program")
    (tmp_path / "script").write_text("#!/bin/sh -e\r\necho\r\n")
    (tmp_path / "script").chmod(0o755)
    for name, words in (
        ("text", "it is not executable for this user; allow it with `chmod +x`"),
        ("script", "its first line ends in CR"),
    ):
        run = Program([str(tmp_path / name)], 5, GRACE).run({}, None, tmp_path)
        assert run.problem is not None
        assert run.problem.startswith(f"{tmp_path}/{name} cannot be run: {words}")


def test_the_end_of_much_output_is_kept(tmp_path: Path) -> None:
    """And a program that prints without end is killed when its time is up."""
    run = shell("seq 1 20000; echo the end").run({}, None, tmp_path)
    assert run.output.endswith("20000\nthe end\n")
    assert len(run.output) <= 16384
    assert shell("yes", 0.3).run({}, None, tmp_path).problem == "did not end within 0.3 s"


def test_a_program_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    """With all its children, long before its time is up."""
    script = f"trap '' TERM; sleep 600 & echo $$ $! >'{tmp_path}/new'; "
    script += f"mv '{tmp_path}/new' '{tmp_path}/pids'; wait; wait"
    program = shell(script, 3600, grace=0.5)
    runs: list[Run] = []
    thread = threading.Thread(target=lambda: runs.append(program.run({}, LINEAGE, tmp_path)))
    thread.start()
    until = time.monotonic() + 30
    while not (tmp_path / "pids").exists() and time.monotonic() < until:
        time.sleep(0.01)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert [is_running(pid) for pid in pids] == [True, True]
    began = time.monotonic()
    program.end()
    thread.join(30)
    assert time.monotonic() - began >= 0.5, "it was given its grace"
    until = time.monotonic() + 30
    while any(is_running(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.01)
    assert [is_running(pid) for pid in pids] == [False, False]
    assert runs[0].problem == "was stopped"
    assert program.run({}, None, tmp_path) == Run("was stopped", "")


def test_no_private_key_in_the_output_is_kept(tmp_path: Path) -> None:
    """Whether whole, without its first and last line, cut off, or only the end of long output."""
    for script in (
        'cat "$RENEWED_LINEAGE/privkey.pem"; seq 1 3462',
        'tail -n +2 "$RENEWED_LINEAGE/privkey.pem" | head -c 64 | tail -c 30; echo',
        'tail -n +2 "$RENEWED_LINEAGE/privkey.pem" | head -n 2 | tr -d "\\n"; echo',
        'cat "$RENEWED_LINEAGE/privkey.pem"',
        'grep -v PRIVATE "$RENEWED_LINEAGE/privkey.pem"',
        'head -n 2 "$RENEWED_LINEAGE/privkey.pem"',
    ):
        run = shell(f"echo before; {script}; echo after").run({}, LINEAGE, tmp_path)
        assert run.output.startswith("before\n") or "3462" in run.output
        secret = "".join(ISSUED.key.splitlines()[1:-1])[48:88]  # the number that is the key
        pieces = {secret[at : at + 16] for at in range(len(secret) - 15)}
        assert not any(piece in run.output.replace("\n", "") for piece in pieces), script


def test_output_keeps_its_lines_and_loses_what_a_terminal_would_carry_out(tmp_path: Path) -> None:
    run = shell(r"printf 'a\033[31mred\033]0;owned\007\nb\r\n'").run({}, None, tmp_path)
    assert run.output == "a?[31mred?]0;owned?\nb \n"


def test_any_private_key_in_pem_is_removed() -> None:
    text = "x\n-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\ny"
    assert without_key(text, "") == "x\n(private key removed)\ny"


@pytest.mark.parametrize("how", ["writable for a group", "writable for all", "of another", "link"])
def test_a_folder_that_others_could_change_is_refused(tmp_path: Path, how: str) -> None:
    """Its owner could replace the files of a program that runs."""
    folder = tmp_path / "hooks"
    folder.mkdir(0o700)
    if how == "link":
        folder.rename(tmp_path / "theirs")
        folder.symlink_to("theirs")
    elif how == "of another":
        if os.geteuid() != 0:
            pytest.skip("only root can give a folder away")
        os.chown(folder, 65534, 65534)
    else:
        folder.chmod(0o770 if how == "writable for a group" else 0o707)
    with pytest.raises(OSError, match=r"another user could change|symbolic link"):
        sweep(folder)


def test_only_folders_that_a_killed_server_left_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "hooks"
    sweep(folder)
    (folder / "hook-1" / "shop-eu").mkdir(parents=True)
    (folder / "hook-1" / "shop-eu" / "privkey.pem").write_text("key")
    (folder / "other").touch()
    sweep(folder)
    assert [path.name for path in folder.iterdir()] == ["other"]
    assert folder.stat().st_mode & 0o777 == 0o700
