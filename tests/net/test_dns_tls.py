"""The files of DNS over TLS: what is wrong with them is said with the setting and the path."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from authority import DAY, Authority

from failoverdns.net.dns_tls import MAX_FILE, DNSContext, read_material, unusual
from failoverdns.net.sockets import CannotListen
from failoverdns.net.tls_material import PEMFiles
from failoverdns.workers.calls import read_material as read_sent
from failoverdns.workers.calls import write_material

CA = Authority()
HOST = "ns1.failover.test"


def settings_in(folder: Path) -> PEMFiles:
    """Write files that fit, and return the settings that name them."""
    certificate, key = CA.issue(HOST).save(folder, "tls")
    authority = folder / "ca.pem"
    authority.write_text(CA.pem)
    return PEMFiles("tls", certificate, key, authority)


def test_files_that_fit_make_a_context(tmp_path: Path) -> None:
    """Also after they were sent to the process that uses them; `repr` has no key."""
    settings = settings_in(tmp_path)
    material = read_material(settings)
    assert read_sent(write_material(material)) == material
    DNSContext(material)
    assert b"PRIVATE" in material.key
    assert "PRIVATE" not in repr(material)
    alone = read_material(replace(settings, client_ca=None))
    assert alone.client_ca is None
    assert read_sent(write_material(alone)) == alone


Damage = Callable[[PEMFiles], object]

FAULTS: list[tuple[str, Damage, str]] = [
    ("no certificate", lambda s: s.certificate.unlink(), "tls.certificate: .*No such file"),
    (
        "a certificate that is not PEM",
        lambda s: s.certificate.write_text("x"),
        "tls.certificate: .*tls.pem does not contain a certificate chain in PEM",
    ),
    (
        "a certificate that is too large",
        lambda s: s.certificate.write_bytes(bytes(MAX_FILE + 1)),
        "tls.certificate: .*larger than 262144 bytes",
    ),
    ("no key", lambda s: s.key.unlink(), "tls.key: .*No such file"),
    (
        "a key that everybody can read",
        lambda s: s.key.chmod(0o644),
        "tls.key: .*every user of the machine can open it; `chmod o= ",
    ),
    (
        "a certificate as the key",
        lambda s: s.key.write_text(CA.pem),
        "tls.key: .* does not contain a private key without a passphrase in PEM",
    ),
    (
        "the key of another certificate",
        lambda s: s.key.write_text(CA.issue(HOST).key),
        "tls.key: .*tls.key does not belong to .*tls.pem",
    ),
    (
        "a CA that is not PEM",
        lambda s: s.client_ca is not None and s.client_ca.write_text("x"),
        "tls.client_ca: .*ca.pem does not contain the certificate of a CA in PEM",
    ),
]


@pytest.mark.parametrize(("damage", "why"), [pytest.param(d, w, id=i) for i, d, w in FAULTS])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, damage: Damage, why: str) -> None:
    """With the setting that names it, and what would be right."""
    settings = settings_in(tmp_path)
    damage(settings)
    with pytest.raises(CannotListen, match=why):
        read_material(settings)


def test_a_certificate_that_clients_refuse_by_its_dates_is_used_with_a_warning(
    tmp_path: Path,
) -> None:
    """The server may be started before the certificate is renewed."""
    settings, now = settings_in(tmp_path), time.time()
    material = read_material(settings)
    assert unusual(material, settings, now) == []
    (expired,) = unusual(material, settings, now + 100 * DAY)
    assert f"tls.certificate: {settings.certificate} has expired on " in expired
    (early,) = unusual(material, settings, now - 10 * DAY)
    assert " is valid from " in early
