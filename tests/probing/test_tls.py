"""Probes over TLS: which certificates are good, and what is reported of the others."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import socket
import ssl
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from authority import DAY, Authority, Issued
from cryptography.x509.oid import ExtendedKeyUsageOID
from heads import LOOPBACK, OK, Behaviour, Probed, answering, head, make_target, over_tls, stalled

from failoverdns.model.health import Cause, CheckKind, HttpExpectation, ProbeResult, TlsExpectation
from failoverdns.probing.tls import Trust
from failoverdns.probing.verdict import LacksHere

ROOT = Authority()
BETWEEN = Authority("Between", ROOT)
NAME = "www.shop.example"
WHOLE = BETWEEN.issue(NAME)


def probe_tls(
    probed: Probed,
    folder: Path,
    issued: Issued,
    *,
    names: tuple[str, ...] = (NAME,),
    behave: Behaviour = stalled,
    **terms: Any,
) -> ProbeResult:
    """Probe a head that has a certificate; the root is trusted."""
    (folder / "ca.pem").write_text(ROOT.pem)
    tls = TlsExpectation(**{"ca_file": str(folder / "ca.pem"), **terms})
    with head(over_tls(issued, folder, behave)) as web:
        return probed(make_target(CheckKind.TLS, web.port, names=names, tls=tls))


@pytest.mark.parametrize(
    ("issued", "names", "terms"),
    [
        (ROOT.issue(NAME), (NAME,), {}),
        (BETWEEN.issue("*.shop.example", "shop.example"), (NAME, "shop.example"), {}),
        (ROOT.issue(LOOPBACK), (LOOPBACK,), {}),
        (ROOT.issue("other.example"), (NAME,), {"server_name": "other.example"}),
        (ROOT.issue(NAME, lasts=30 * DAY), (NAME,), {"days_left": 28}),
        (ROOT.issue(NAME), (), {}),
    ],
)
def test_a_valid_certificate_is_good(
    probed: Probed, tmp_path: Path, issued: Issued, names: tuple[str, ...], terms: dict[str, Any]
) -> None:
    """With the chain that the server sends, for all names or for the configured one."""
    result = probe_tls(probed, tmp_path, issued, names=names, **terms)
    assert (result.cause, result.detail) == (None, "")


@pytest.mark.parametrize(
    ("issued", "terms", "words"),
    [
        (ROOT.issue(NAME, starts=-90 * DAY, lasts=89 * DAY), {}, ["it expired on 20"]),
        (ROOT.issue(NAME, starts=DAY), {}, ["it is not valid before 20"]),
        (ROOT.issue("shop.example"), {}, [f"it is not valid for {NAME}, only for shop.example"]),
        (ROOT.issue(common_name=NAME), {}, ["only for no name at all"]),
        (
            ROOT.issue(NAME, starts=-DAY / 2, lasts=10 * DAY),
            {"days_left": 14},
            ["it is valid for 9 more days, until 20", "where 14 are wanted"],
        ),
        (Authority("Other").issue(NAME), {}, ["not signed by a trusted CA", "'CN=Other'"]),
        (replace(WHOLE, chain=WHOLE.leaf), {}, ["not signed by a trusted CA", "whole chain"]),
        (
            ROOT.issue(NAME, usage=[ExtendedKeyUsageOID.CLIENT_AUTH]),
            {},
            ["it is not for servers"],
        ),
        (
            Authority("Other").issue("other.example", starts=-9 * DAY, lasts=DAY),
            {},
            ["it expired on 20", "not signed by a trusted CA", f"it is not valid for {NAME}"],
        ),
    ],
    ids=["expired", "future", "name", "no name", "days", "CA", "chain", "usage", "all at once"],
)
def test_the_faults_of_a_certificate_are_reported(
    probed: Probed, tmp_path: Path, issued: Issued, terms: dict[str, Any], words: list[str]
) -> None:
    """All of them; with `verify` off any certificate is good."""
    result = probe_tls(probed, tmp_path, issued, **terms)
    assert result.cause is Cause.TLS
    for word in words:
        assert word in result.detail
    assert result.detail.startswith("the server's certificate: ")
    assert probe_tls(probed, tmp_path, issued, verify=False).is_good


def test_a_self_signed_certificate_is_not_trusted(probed: Probed, tmp_path: Path) -> None:
    """Unless it is in the file of trusted CAs."""
    own = Authority("Own")
    issued = own.issue(NAME, key=own.key, subject="Own")
    result = probe_tls(probed, tmp_path, issued)
    assert result.cause is Cause.TLS
    assert result.detail.endswith(": it is not signed by a trusted CA but by itself")
    (tmp_path / "own.pem").write_text(issued.leaf)
    assert probe_tls(probed, tmp_path, issued, ca_file=str(tmp_path / "own.pem")).is_good


def test_without_a_file_the_cas_of_the_system_are_trusted(probed: Probed, tmp_path: Path) -> None:
    """The test's CA is not one of them."""
    result = probe_tls(probed, tmp_path, ROOT.issue(NAME), ca_file=None)
    assert result.cause is Cause.TLS
    assert "it is not signed by a trusted CA" in result.detail


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (OK, "the server does not speak TLS"),
        (b"220 mail.example ESMTP\r\n", "the server does not speak TLS"),
        (b"", "the server closed the connection"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "handshake failure"),
    ],
    ids=["HTTP", "SMTP", "nothing", "an alert"],
)
@pytest.mark.parametrize("kind", [CheckKind.TLS, CheckKind.HTTPS])
def test_a_failed_handshake_is_reported(
    probed: Probed, kind: CheckKind, said: bytes, words: str
) -> None:
    def behave(sock: socket.socket) -> None:
        sock.recv(4096)
        sock.sendall(said)

    with head(behave) as web:
        result = probed(make_target(kind, web.port))
    assert result.cause is Cause.TLS
    assert result.detail.startswith("handshake: ")
    assert words in result.detail


def test_the_server_name_is_sent(probed: Probed, tmp_path: Path) -> None:
    """The first name that is neither a wildcard nor an address, or the configured one."""
    asked: list[str | None] = []
    chain, key = ROOT.issue(NAME).save(tmp_path, "head")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    context.sni_callback = lambda sock, name, context: asked.append(name)

    def behave(sock: socket.socket) -> None:
        context.wrap_socket(sock, server_side=True).close()

    names = ("*.shop.example", "192.0.2.1", NAME, "shop.example")
    with head(behave) as web:
        for terms in (
            TlsExpectation(verify=False),
            TlsExpectation(verify=False, server_name="x.example"),
        ):
            assert probed(make_target(CheckKind.TLS, web.port, names=names, tls=terms)).is_good
        assert probed(
            make_target(CheckKind.TLS, web.port, tls=TlsExpectation(verify=False))
        ).is_good
    assert asked == [NAME, "x.example", None]


def test_an_unreadable_file_of_cas_is_reported(probed: Probed, tmp_path: Path) -> None:
    """It is a file of this machine, and says nothing about the head."""
    missing = str(tmp_path / "missing.pem")
    result = probe_tls(probed, tmp_path, ROOT.issue(NAME), ca_file=missing)
    assert result.is_unknown
    assert f"{missing} has no CA certificates in PEM that can be read" in result.detail


def test_a_pipe_is_not_a_file_of_cas(probed: Probed, tmp_path: Path) -> None:
    """Opening it would wait for somebody who writes to it, and all other probes with it."""
    os.mkfifo(tmp_path / "pipe")
    result = probe_tls(probed, tmp_path, ROOT.issue(NAME), ca_file=str(tmp_path / "pipe"))
    assert result.is_unknown
    assert "has no CA certificates in PEM that can be read" in result.detail


def test_a_file_of_cas_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    """Not at each probe; it is checked every ten seconds."""
    now = 0.0
    trust = Trust(lambda: now)
    file = tmp_path / "ca.pem"
    file.write_text(ROOT.pem)
    first = trust.context(str(file), verify=True)
    assert trust.context(str(file), verify=True) is first
    assert trust.context(str(file), verify=False) is trust.context(None, verify=False)
    now = 20.0
    assert trust.context(str(file), verify=True) is first
    file.write_text(Authority("Other").pem)
    os.utime(file, (1, 1))
    assert trust.context(str(file), verify=True) is first, "it has just been checked"
    now = 40.0
    second = trust.context(str(file), verify=True)
    assert second is not first
    file.write_text("what")
    now = 60.0
    with pytest.raises(LacksHere, match="no CA certificates"):
        trust.context(str(file), verify=True)


def test_the_certificate_of_one_head_does_not_affect_the_next(
    probed: Probed, tmp_path: Path
) -> None:
    """They share a context: an expired certificate, then a good one, and again."""
    expired = ROOT.issue(NAME, starts=-9 * DAY, lasts=DAY)
    for _ in range(2):
        result = probe_tls(probed, tmp_path, expired)
        assert result.cause is Cause.TLS
        assert "expired on" in result.detail
        assert "CA certificate" not in result.detail
        assert probe_tls(probed, tmp_path, ROOT.issue(NAME)).is_good


def test_an_expired_intermediate_ca_is_reported(probed: Probed, tmp_path: Path) -> None:
    """Though the leaf is valid, and the intermediate's signature was valid once."""
    between = Authority("Between", ROOT, starts=-9 * DAY, lasts=2 * DAY)
    result = probe_tls(probed, tmp_path, between.issue(NAME))
    assert result.cause is Cause.TLS
    assert "the CA certificate 'CN=Between' of its chain has expired" in result.detail


HARDENED = """
import ctypes, sys
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)  # 0 from Linux 6.3 on
from heads import CheckKind, Probed, make_target
from failoverdns.model.health import TlsExpectation
port, name, ca_file = int(sys.argv[1]), sys.argv[2], sys.argv[3]
target = make_target(CheckKind.TLS, port, names=(name,), tls=TlsExpectation(ca_file=ca_file))
print(Probed()(target).is_good)
"""


def test_a_hardened_systemd_unit_can_probe_tls(tmp_path: Path) -> None:
    """`MemoryDenyWriteExecute=yes`, as in the packaged unit: no callbacks made at run time."""
    (tmp_path / "ca.pem").write_text(ROOT.pem)
    with head(over_tls(ROOT.issue(NAME), tmp_path, answering(OK))) as web:
        done = subprocess.run(
            [sys.executable, "-c", HARDENED, str(web.port), NAME, str(tmp_path / "ca.pem")],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        )
    assert done.stdout == "True\n", done.stderr


def key_updates(issued: Issued, folder: Path) -> Behaviour:
    """Complete a handshake, then send nothing but key updates (RFC 8446 section 4.6.3)."""
    libssl = ctypes.CDLL(ctypes.util.find_library("ssl"))
    for name in ("TLS_server_method", "SSL_CTX_new", "SSL_new"):
        getattr(libssl, name).restype = ctypes.c_void_p
    chain, key = (os.fsencode(path) for path in issued.save(folder, "head"))
    context = ctypes.c_void_p(libssl.SSL_CTX_new(ctypes.c_void_p(libssl.TLS_server_method())))
    assert libssl.SSL_CTX_use_certificate_chain_file(context, chain) == 1
    assert libssl.SSL_CTX_use_PrivateKey_file(context, key, 1) == 1

    def behave(sock: socket.socket) -> None:
        sock.setblocking(True)
        connection = ctypes.c_void_p(libssl.SSL_new(context))
        libssl.SSL_set_fd(connection, sock.fileno())
        if libssl.SSL_accept(connection) != 1:
            return
        while libssl.SSL_key_update(connection, 0) == 1:
            if libssl.SSL_do_handshake(connection) != 1:
                return

    return behave


def test_a_head_cannot_keep_the_server_busy_with_key_updates(
    probed: Probed, tmp_path: Path
) -> None:
    """The probe ends after a few kilobytes of them, long before its time is up."""
    with head(key_updates(ROOT.issue(NAME), tmp_path)) as web:
        tls = TlsExpectation(verify=False)
        result = probed(make_target(CheckKind.HTTPS, web.port, tls=tls, timeout=10.0))
    assert result.cause is Cause.TLS
    assert result.detail.endswith("records of TLS without end, and no data in them")
    assert result.seconds < 5


@pytest.mark.parametrize("size", [1, 16384, 60_000])
def test_a_long_response_is_read_over_tls(probed: Probed, tmp_path: Path, size: int) -> None:
    """In records of 16 KiB, which take several reads."""
    body = b"x" * size
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (size + 4) + body + b"last"
    with head(over_tls(ROOT.issue(NAME), tmp_path, answering(reply))) as web:
        expected = HttpExpectation(body="last")
        terms = {"tls": TlsExpectation(verify=False), "http": expected}
        assert probed(make_target(CheckKind.HTTPS, web.port, **terms)).is_good
