"""Clients whose certificate is revoked: the files that say so, and what is logged."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path

import pytest
from authority import DAY, Authority
from lists import crl
from twisted.logger import capturedLogs, formatEvent

from failoverdns.delivery import revoked_clients
from failoverdns.delivery.revoked_clients import RevokedClients, read_revocation
from failoverdns.model.settings import DeliverySettings, ListenAddress
from failoverdns.net.sockets import CannotListen
from failoverdns.pki.revocation import Revocation

CA = Authority("Web Heads")
ONE, TWO = CA.issue_client("web1.internal"), CA.issue_client("web2.internal")


def delivery(folder: Path, *revoked: str, crl_file: bool = True) -> DeliverySettings:
    """Return the settings of a delivery whose files are in a folder."""
    (folder / "ca.pem").write_text(CA.pem)
    return DeliverySettings(
        listen=(ListenAddress(ip_address("127.0.0.1"), 0),),
        certificate=folder / "a.pem",
        key=folder / "a.key",
        client_ca=folder / "ca.pem",
        clients=(),
        revoked=revoked,
        client_crl=folder / "crl.pem" if crl_file else None,
    )


def test_fingerprints_and_lists_are_read(tmp_path: Path) -> None:
    (tmp_path / "crl.pem").write_text(crl(CA, [ONE]))
    found = read_revocation(delivery(tmp_path, f"sha256:{TWO.fingerprint}"))
    assert all(found.reason([one.certificate]) is not None for one in (ONE, TWO))
    alone = read_revocation(delivery(tmp_path, crl_file=False))
    assert alone == Revocation()


def pipe(path: Path) -> None:
    """Make a named pipe, to which nobody writes."""
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda path: None, ": No such file or directory"),
        (lambda path: path.mkdir(), ": "),
        (pipe, ": not a regular file"),
        (lambda path: path.write_text("text"), ": no CRL in PEM; `openssl crl -inf"),
        (lambda path: path.write_text(crl(Authority("X"))), ": the CRL of CN=X, which is no"),
        (lambda path: os.truncate(path, (4 << 20) + 1), ": larger than 4 MiB"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, make: object, fault: str) -> None:
    path = tmp_path / "crl.pem"
    if "larger" in fault:
        path.touch()
    make(path)  # type: ignore[operator]
    with pytest.raises(CannotListen) as caught:
        read_revocation(delivery(tmp_path))
    assert str(caught.value).startswith(f"delivery.client_crl: {path}{fault}")


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1e9

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_a_refused_client_is_logged_once_a_minute() -> None:
    """Whoever has a stolen key cannot fill the log."""
    clock = Watch()
    clients = RevokedClients(Revocation(frozenset({f"sha256:{ONE.fingerprint}"})), clock)
    with capturedLogs() as logs:
        assert clients.admits([TWO.certificate], "192.0.2.1")
        assert not any(clients.admits([ONE.certificate], "192.0.2.1") for _ in range(10))
        clock.now += revoked_clients.LOG_INTERVAL
        assert not clients.admits([ONE.certificate], "192.0.2.2")
    assert [formatEvent(event) for event in logs] == [
        f"delivery: {address} was refused: sha256:{ONE.fingerprint} is revoked by the configuration"
        for address in ("192.0.2.1", "192.0.2.2")
    ]


def test_another_revocation_can_be_adopted() -> None:
    clients = RevokedClients(Revocation(frozenset({f"sha256:{ONE.fingerprint}"})), Watch())
    clients.adopt(Revocation(frozenset({f"sha256:{TWO.fingerprint}"})))
    assert clients.admits([ONE.certificate], "192.0.2.1")
    assert not clients.admits([TWO.certificate], "192.0.2.1")


def test_an_expired_list_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "crl.pem").write_text(crl(CA, [ONE], lasts=-DAY))
    clock = Watch()
    clients = RevokedClients(read_revocation(delivery(tmp_path)), clock)
    assert clients.warnings() == []
    clock.now = 1e11
    (warning,) = clients.warnings()
    assert warning.startswith("delivery.client_crl: the CRL of CN=Web Heads has expired: ")
