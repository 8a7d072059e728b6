"""TSIG keys: names, algorithms, and the files of their secrets."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from samples import name

from failoverdns.config.tsig_keys import MAX_KEYS, secret_path, tsig_algorithm
from failoverdns.model.errors import Malformed
from failoverdns.model.settings import Config, TSIGKeySettings

Load = Callable[[str | bytes], Config]
Shown = Callable[[str | bytes], list[str]]


def test_keys_are_read_in_the_order_of_the_file(load: Load, right: str, tmp_path: Path) -> None:
    """The algorithm has a default; a path is relative to the file."""
    text = (
        "tsig_keys:\n"
        "  Xfr.Failover.test.: {algorithm: hmac-sha512, secret_file: keys/xfr.key}\n"
        "  acme: {secret_file: /etc/acme.key}\n"
    )
    assert load(right + text).tsig_keys == (
        TSIGKeySettings(name("xfr.failover.test"), "hmac-sha512", tmp_path / "keys/xfr.key"),
        TSIGKeySettings(name("acme"), "hmac-sha256", Path("/etc/acme.key")),
    )
    assert load(right).tsig_keys == ()


@pytest.mark.parametrize(
    "text", ["hmac-sha256", "HMAC-SHA256", "hmac-sha256.", "Hmac-Sha256.", "hmac_sha256"]
)
def test_an_algorithm_is_known_as_other_programs_write_it(text: str) -> None:
    assert tsig_algorithm(text) == "hmac-sha256"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hmac-md5", "hmac-md5 is broken, and must not be used (RFC 8945 section 6); write hmac-"),
        ("HMAC-MD5.SIG-ALG.REG.INT.", "hmac-md5 is broken, and must not be used"),
        ("hmac-sha1", "hmac-sha1 is not recommended (RFC 8945 section 6), and not supported; wri"),
        ("hmac-sha224", "hmac-sha224 is not supported; write hmac-sha256 or hmac-sha384 or hmac-"),
        ("gss-tsig", "gss-tsig (RFC 3645) is not supported"),
        ("hmac-sha256-128", "write hmac-sha256; how much of it is sent is up to the client"),
        ("sha256", '"sha256" is not an algorithm; did you mean "hmac-sha256"?'),
        ("", '"" is not an algorithm; write hmac-sha256 or hmac-sha384 or hmac-sha512'),
    ],
)
def test_another_algorithm_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(Malformed) as refusal:
        tsig_algorithm(text)
    assert str(refusal.value).startswith(message)


def test_a_secret_in_place_of_its_file_is_refused_and_not_shown() -> None:
    secret = b64encode(bytes(range(32))).decode()
    with pytest.raises(Malformed) as refusal:
        secret_path(secret)
    assert str(refusal.value).startswith("this is a secret, not the path of a file; write it into")
    assert secret[:6] not in str(refusal.value)
    assert secret_path("keys/xfr.key") == Path("keys/xfr.key")
    assert secret_path("/etc/bind/keys/xfrkey") == Path("/etc/bind/keys/xfrkey")


def test_a_secret_in_the_configuration_is_refused_with_where_it_belongs(
    shown: Shown, right: str
) -> None:
    found = shown(f"{right}tsig_keys: {{k.test: {{secret_file: a, secret: c2VjcmV0}}}}\n")
    (fault,) = found
    assert fault.startswith(
        "7:38 tsig_keys.k.test.secret: unknown key; write it into a file with mode 0600, and the "
    )
    assert "c2Vj" not in fault


def test_every_fault_is_reported_at_its_place(shown: Shown, right: str) -> None:
    text = (
        "tsig_keys:\n"
        "  xfr.test: {algorithm: hmac-md5}\n"
        "  a..b: {secret_file: a}\n"
        "  XFR.test.: {secret_file: a}\n"
        '  b.test: {secret_file: "", algorithms: x}\n'
        "  c.test: 5\n"
    )
    found = shown(right + text)
    assert [fault.partition("; ")[0] for fault in found] == [
        "8:13 tsig_keys.xfr.test.secret_file: missing",
        "8:25 tsig_keys.xfr.test.algorithm: hmac-md5 is broken, and must not be used (RFC 8945 "
        "section 6)",
        '9:3 tsig_keys.a..b: "a..b" cannot be the name of a key: it has an empty label',
        "10:3 tsig_keys.XFR.test.: the key xfr.test is given twice",
        "11:25 tsig_keys.b.test.secret_file: must be the path of a file",
        "11:29 tsig_keys.b.test.algorithms: unknown key",
        "12:11 tsig_keys.c.test: must be a mapping of keys to values, not the number 5",
    ]


def test_there_is_a_limit_on_keys(shown: Shown, right: str) -> None:
    lines = "".join(f"  k{number}.test: {{secret_file: a}}\n" for number in range(MAX_KEYS))
    assert shown(f"{right}tsig_keys:\n{lines}") == []
    assert shown(f"{right}tsig_keys:\n{lines}  one.test: {{secret_file: a}}\n") == [
        "8:3 tsig_keys: has 1001 keys; at most 1000 are allowed"
    ]
