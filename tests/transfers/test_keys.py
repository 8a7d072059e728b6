"""The secrets of TSIG keys are read from the files that people have, and wrong files are named."""

from __future__ import annotations

import shutil
import subprocess
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest
from samples import name

from failoverdns.answering.settings import CannotReadSecrets
from failoverdns.config import load_config
from failoverdns.model.errors import Malformed
from failoverdns.model.settings import Config, TSIGKeySettings
from failoverdns.protocol.tsig import Algorithm, TSIGKey
from failoverdns.transfers.keys import read_key_text, read_tsig_keys, short_secrets

NAME = name("xfr.failover.test")
SECRET = bytes(range(200, 232))
TEXT = b64encode(SECRET).decode()
LONG = bytes(range(100, 164))

CONFIG = """\
zones: {failover.test: {nameservers: {ns1: [192.0.2.53]}}}
listen: ["127.0.0.1:5300"]
"""


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(TEXT, id="the secret alone"),
        pytest.param(f"\n  {TEXT}\r\n\n", id="white space around it"),
        pytest.param(f"{TEXT[:20]}\n{TEXT[20:]}\n", id="broken into lines, as openssl does"),
        pytest.param(f"# made on Monday\n{TEXT}\n", id="a comment"),
        pytest.param(
            f'key "Xfr.Failover.test." {{\n\talgorithm HMAC-SHA256;\n\tsecret "{TEXT}";\n}};\n',
            id="tsig-keygen",
        ),
        pytest.param(
            f"key xfr.failover.test {{ algorithm hmac-sha256; secret {TEXT}; }};", id="one line"
        ),
        pytest.param(
            f"# hmac-sha256:xfr.failover.test:{TEXT}\nkey:\n  - id: xfr.failover.test\n"
            f"    algorithm: hmac-sha256\n    secret: {TEXT}\n",
            id="keymgr",
        ),
        pytest.param(
            f'key:\n  name: "xfr.failover.test"\n  algorithm: hmac-sha256\n  secret: "{TEXT}"\n',
            id="NSD",
        ),
        pytest.param(f"hmac-sha256:xfr.failover.test:{TEXT}\n", id="dig"),
        pytest.param(f"xfr.failover.test:{TEXT}", id="dig without an algorithm"),
    ],
)
def test_a_secret_is_read_from_the_files_that_people_have(text: str) -> None:
    assert read_key_text(text, NAME, "hmac-sha256") == SECRET


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; write the secret alone, as base64 text, or a file that"),
        (" \n# a comment\n", "is empty"),
        (TEXT[:-1], "has no valid base64 text"),
        (f"{TEXT[:-2]}-=", "has no secret"),
        ("not a secret!", "has no secret"),
        ("key: value", "has no secret"),
        (b64encode(SECRET[:15]).decode(), "the secret has 15 bytes; at least 16 are needed"),
        (f'key "other.test" {{ secret "{TEXT}"; }};', "has the secret of a key with another name"),
        (f"other.test:{TEXT}", "has the secret of a key with another name"),
        (
            f'key "xfr.failover.test" {{ algorithm hmac-md5; secret "{TEXT}"; }};',
            "is for hmac-md5, and the algorithm of the key is hmac-sha256",
        ),
        (
            f"hmac-sha512:xfr.failover.test:{TEXT}",
            "is for hmac-sha512, and the algorithm of the key is hmac-sha256",
        ),
        (f'secret "{TEXT}"; secret "{TEXT}";', "has 2 secrets; write a file for each key"),
    ],
)
def test_a_file_that_cannot_be_right_is_refused(text: str, message: str) -> None:
    """Nothing of it is quoted: it may be the secret."""
    with pytest.raises(Malformed) as refusal:
        read_key_text(text, NAME, "hmac-sha256")
    assert str(refusal.value).startswith(message)
    assert TEXT[:8] not in str(refusal.value)


@pytest.mark.parametrize(
    "command",
    [
        ("tsig-keygen", "-a", "hmac-sha512", "xfr.failover.test"),
        ("ddns-confgen", "-q", "-a", "hmac-sha512", "-k", "xfr.failover.test"),
        ("keymgr", "-t", "xfr.failover.test", "hmac-sha512"),
    ],
)
def test_the_files_of_bind_and_knot_are_read_as_they_are(command: tuple[str, ...]) -> None:
    program = shutil.which(command[0], path="/usr/sbin:/usr/bin")
    assert program is not None
    made = subprocess.run((program, *command[1:]), capture_output=True, text=True, check=True)
    assert len(read_key_text(made.stdout, NAME, "hmac-sha512")) == 64


def configured(folder: Path, *keys: TSIGKeySettings) -> Config:
    """A configuration with keys."""
    file = folder / "failoverdns.yaml"
    file.write_text(CONFIG)
    return replace(load_config(file), tsig_keys=keys)


def secret_file(folder: Path, called: str, text: str, mode: int = 0o600) -> Path:
    """Write a file with a secret."""
    path = folder / called
    path.write_text(text)
    path.chmod(mode)
    return path


def test_keys_are_read_with_their_secrets(tmp_path: Path) -> None:
    """The group of a file may read it; a key does not show its secret."""
    first = secret_file(tmp_path, "xfr.key", TEXT, 0o640)
    second = secret_file(tmp_path, "acme.key", b64encode(LONG).decode())
    keys = read_tsig_keys(
        configured(
            tmp_path,
            TSIGKeySettings(NAME, "hmac-sha256", first),
            TSIGKeySettings(name("acme.test"), "hmac-sha512", second),
        )
    )
    assert keys == (
        TSIGKey(NAME.wire, Algorithm.HMAC_SHA256, SECRET),
        TSIGKey(name("acme.test").wire, Algorithm.HMAC_SHA512, LONG),
    )
    assert TEXT[:6] not in repr(keys)
    assert str(SECRET) not in repr(keys)
    assert list(short_secrets(keys)) == []


def test_every_file_that_cannot_be_used_is_reported(tmp_path: Path) -> None:
    """With the key, the path, the reason and what to do."""
    missing = tmp_path / "missing.key"
    opened = secret_file(tmp_path, "open.key", TEXT, 0o644)
    wrong = secret_file(tmp_path, "wrong.key", "xyz!")
    large = secret_file(tmp_path, "large.key", "A" * 5000)
    config = configured(
        tmp_path,
        *(
            TSIGKeySettings(name(f"{path.stem}.test"), "hmac-sha256", path)
            for path in (missing, opened, wrong, large, tmp_path)
        ),
    )
    with pytest.raises(CannotReadSecrets) as refusal:
        read_tsig_keys(config)
    faults = str(refusal.value).split("; tsig_keys.")
    assert len(faults) == 5
    assert faults[0] == (
        f"tsig_keys.missing.test.secret_file: {missing}: No such file or directory"
    )
    assert faults[1] == (
        f"open.test.secret_file: {opened}: every user of the machine can open it; "
        f"`chmod o= {opened}`"
    )
    assert faults[2].startswith(f"wrong.test.secret_file: {wrong}: has no secret; write")
    assert "larger than 4096 bytes" in faults[3]
    assert f"{tmp_path}: " in faults[4]


def test_a_secret_that_is_shorter_than_the_hash_is_a_warning() -> None:
    keys = [
        TSIGKey(NAME.wire, Algorithm.HMAC_SHA512, SECRET),
        TSIGKey(NAME.wire, Algorithm.HMAC_SHA256, SECRET),
    ]
    (found,) = short_secrets(keys)
    assert found == (
        "tsig_keys.xfr.failover.test: the secret has 32 bytes, and hmac-sha512 is as strong as it "
        "can be with 64; make a new one with `failoverdns tsig-key`"
    )
