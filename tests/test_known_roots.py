"""The roots that clients are known to trust: those of the system, and those that checks name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from authority import Authority

from failoverdns.known_roots import KnownRoots
from failoverdns.model.health import Check, CheckKind, TlsExpectation
from failoverdns.model.policy import AutomationSettings

SYSTEM, PRIVATE, LATER = (Authority(name) for name in ("System", "Private", "Later"))


def check(ca_file: Path | None) -> Check:
    """Return a check with a file of trusted CAs."""
    tls = TlsExpectation(ca_file=str(ca_file) if ca_file is not None else None)
    return Check("web", CheckKind.TLS, tls=tls)


def known(roots: KnownRoots) -> list[str]:
    """Return which of the authorities are known."""
    anchors = roots()
    return [a.name for a in (SYSTEM, PRIVATE, LATER) if anchors.same(a.certificate, None)]


def test_roots_are_those_of_the_system_and_of_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As files and checks change, so do they; what cannot be read is left out."""
    system, private = tmp_path / "system.pem", tmp_path / "private.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(system))
    system.write_text(SYSTEM.pem + "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
    private.write_text(PRIVATE.pem)
    checks: list[Check] = []
    roots = KnownRoots(lambda: AutomationSettings(checks=tuple(checks)))
    assert known(roots) == ["System"]
    checks += [check(None), check(private), check(tmp_path / "none.pem"), check(tmp_path)]
    assert known(roots) == ["System", "Private"]
    private.write_text(PRIVATE.pem + LATER.pem)
    assert known(roots) == ["System", "Private", "Later"]


def test_the_system_may_have_a_folder_of_roots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL looks in it for names such as 5ad8a5d6.0; a pipe there is not waited for."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    (tmp_path / "5ad8a5d6.0").write_text(SYSTEM.pem)
    (tmp_path / "other.pem").write_text(PRIVATE.pem)
    os.mkfifo(tmp_path / "00000000.1")
    assert known(KnownRoots(AutomationSettings)) == ["System"]
