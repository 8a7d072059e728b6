"""`failoverdns tsig-key` makes a key that this server and other programs read as it is."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
from base64 import b64decode
from pathlib import Path

import pytest
from click.testing import CliRunner
from samples import name

from failoverdns.cli.main import cli
from failoverdns.transfers.keys import read_key_text

NAME = "xfr.failover.test"


def made(*arguments: str) -> str:
    """Run the command, and return what it prints."""
    done = CliRunner().invoke(cli, ["tsig-key", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def lines_for(text: str, program: str) -> str:
    """The lines for a program, which are comments in a key."""
    found = re.search(rf"^# {program}.*\n((?:#   .*\n)+)", text, re.MULTILINE)
    assert found is not None
    return re.sub("^#   ", "", found[1], flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("algorithm", "size"), [("hmac-sha256", 32), ("HMAC-SHA384.", 48), ("hmac-sha512", 64)]
)
def test_the_secret_is_as_long_as_the_hash(algorithm: str, size: int) -> None:
    """It is another one each time."""
    text = made("Xfr.Failover.Test.", "--algorithm", algorithm)
    secret = read_key_text(text, name(NAME), algorithm.lower().removesuffix("."))
    assert len(secret) == size
    assert text.startswith("# A key for TSIG")
    assert f'key "{NAME}" {{' in text
    assert made(NAME, "--algorithm", algorithm) != text


def test_bind_knot_and_nsd_accept_their_lines(tmp_path: Path) -> None:
    text = made(NAME)
    programs = {
        "named-checkconf": text,
        "knotc": lines_for(text, "Knot DNS"),
        "nsd-checkconf": lines_for(text, "NSD"),
    }
    for program, lines in programs.items():
        file = tmp_path / program
        file.write_text(lines)
        path = shutil.which(program, path="/usr/sbin:/usr/bin")
        assert path is not None
        words = ("-c", file, "conf-check") if program == "knotc" else (file,)
        done = subprocess.run((path, *words), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr + done.stdout
    option = lines_for(text, "nsupdate").split()
    assert option[0] == "-y"
    assert read_key_text(option[1], name(NAME), "hmac-sha256") == read_key_text(
        text, name(NAME), "hmac-sha256"
    )


def test_a_file_is_for_its_owner_only_and_replaces_none(tmp_path: Path) -> None:
    """What is printed has no secret, so that it may be seen on a screen."""
    path = tmp_path / "xfr.key"
    shown = made(NAME, "--out", str(path))
    text = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert f"tsig_keys:\n  {NAME}:\n    algorithm: hmac-sha256\n    secret_file: {path}\n" in shown
    found = re.search('secret "(.*)"', text)
    assert found is not None
    assert len(b64decode(found[1])) == 32
    assert found[1][:8] not in shown
    again = CliRunner().invoke(cli, ["tsig-key", NAME, "--out", str(path)])
    assert again.exit_code == 1
    assert f"failoverdns: {path}: File exists; nothing was written" in again.output
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a..b"], "'a..b' cannot be the name of a key: it has an empty label"),
        (["."], "'.' cannot be the name of a key: the root is not allowed here"),
        ([NAME, "--algorithm", "hmac-md5"], "--algorithm: hmac-md5 is broken, and must not be"),
        ([], "Missing argument 'NAME'"),
    ],
)
def test_a_wrong_argument_is_a_usage_error(arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(cli, ["tsig-key", *arguments])
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())
