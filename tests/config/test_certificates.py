"""The settings for certificates: the vault's key, the delivery, the CA that issues."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from failoverdns.config.certificates import (
    accepted_terms,
    acme_directory,
    checked_key_type,
    mail_address,
)
from failoverdns.config.scalars import mailbox
from failoverdns.model.errors import Malformed
from failoverdns.model.settings import (
    AcmeSettings,
    CertificateSettings,
    Config,
    ExternalAccount,
)

Load = Callable[[str | bytes], Config]
Shown = Callable[[str | bytes], list[str]]
HEX = "0123456789abcdef" * 4


def test_by_default_the_key_of_the_vault_is_beside_the_database(load: Load, right: str) -> None:
    default = Path("/var/lib/failoverdns/failoverdns.db.key")
    assert load(right).certificates == CertificateSettings(default)
    moved = load(right + "state: {sqlite: /srv/a.db}\n")
    assert moved.certificates == CertificateSettings(Path("/srv/a.db.key"))


def test_the_key_of_the_vault_may_be_elsewhere(load: Load, right: str, tmp_path: Path) -> None:
    config = load(right + "certificates: {key_file: secret/vault.key}\n")
    assert config.certificates == CertificateSettings(tmp_path / "secret/vault.key")


@pytest.mark.parametrize("name", ["a.db", "./a.db", "a.db-wal", "a.db-shm", "a.db.acknowledged"])
def test_the_key_of_the_vault_must_not_overwrite_the_state(
    shown: Shown, right: str, tmp_path: Path, name: str
) -> None:
    text = f"certificates: {{key_file: {name}}}\nstate: {{sqlite: a.db}}\n"
    path = tmp_path / name
    assert shown(right + text) == [
        f"7:26 certificates.key_file: {path} is a file of the state; the key needs one of its own"
    ]


def test_nothing_is_delivered_or_issued_by_default(load: Load, right: str) -> None:
    assert load(right).delivery is None
    assert load(right).acme is None
    off = load(right + "delivery:\nacme: null\n")
    assert (off.delivery, off.acme) == (None, None)


def test_issuing_has_a_default_for_everything_but_the_ca_and_its_terms(
    load: Load, right: str
) -> None:
    config = load(right + "acme: {directory: letsencrypt-staging, accept_terms: true}\n")
    assert config.acme == AcmeSettings(
        directory="https://acme-staging-v02.api.letsencrypt.org/directory",
        contact=(),
        key_type="ec256",
        profile=None,
        ca_file=None,
        external_account=None,
    )


def test_the_settings_of_issuing_are_read(load: Load, right: str, tmp_path: Path) -> None:
    text = """\
acme:
  directory: https://ca.test:14000/dir
  accept_terms: true
  contact: [Ops@Example.net, dns@example.net]
  key_type: rsa3072
  profile: shortlived
  ca_file: ca.pem
  external_account: {key_id: kid-1, hmac_key_file: /etc/eab.key}
"""
    assert load(right + text).acme == AcmeSettings(
        directory="https://ca.test:14000/dir",
        contact=("Ops@example.net", "dns@example.net"),
        key_type="rsa3072",
        profile="shortlived",
        ca_file=tmp_path / "ca.pem",
        external_account=ExternalAccount("kid-1", Path("/etc/eab.key")),
    )


def test_a_repeated_contact_is_an_error(shown: Shown, right: str) -> None:
    contact = "[a@b.test, A@b.test, a@B.test]"
    text = f"acme: {{directory: letsencrypt, accept_terms: true, contact: {contact}}}\n"
    assert shown(right + text) == ["7:82 acme.contact[2]: the mail address a@b.test is given twice"]


@pytest.mark.parametrize("value", [False, 1, "true", None])
def test_only_true_accepts_the_terms(value: object) -> None:
    assert accepted_terms(True) is True
    with pytest.raises(
        Malformed, match=r"^must be true, not .*: by this you accept the CA's terms"
    ):
        accepted_terms(value)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("letsencrypt", "https://acme-v02.api.letsencrypt.org/directory"),
        ("letsencrypt-staging", "https://acme-staging-v02.api.letsencrypt.org/directory"),
        ("https://ca.test", "https://ca.test"),
        ("https://ca.test:14000/dir?a=b", "https://ca.test:14000/dir?a=b"),
        ("HTTPS://[::1]:14000/dir", "HTTPS://[::1]:14000/dir"),
    ],
)
def test_a_directory_is_a_known_ca_or_a_url(text: str, url: str) -> None:
    assert acme_directory(text) == url


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("http://ca.test/dir", "can be forged on the way, as all http:// can"),
        ("HTTP://ca.test/dir", "can be forged on the way, as all http:// can"),
        *(
            (text, "is not a directory")
            for text in (
                *("", "Letsencrypt", "lets encrypt", "ca.test/dir", "ftp://ca.test/", "https:/x"),
                *("https://", "https:///dir", "https://:443/dir", "https://ca.test:0/"),
                *("https://me:secret@ca.test/", "https://ca.test/#x", "https://ca.test/a b"),
                *("https://cä.test/", "https://ca.test/\n", "https://ca.test\\@x/"),
            )
        ),
        *(
            (text, "is not a URL")
            for text in ("https://ca.test:x/", "https://ca.test:65536/", "https://[::1/")
        ),
    ],
)
def test_an_invalid_directory_is_refused(text: str, message: str) -> None:
    with pytest.raises(Malformed) as refusal:
        acme_directory(text)
    assert message in str(refusal.value)
    form = "; write letsencrypt, letsencrypt-staging or an https:// URL"
    assert str(refusal.value).endswith(form)


def test_a_mail_address_keeps_the_case_before_the_at_sign() -> None:
    assert mail_address("Ops.Team@Example.NET.") == "Ops.Team@example.net"
    with pytest.raises(Malformed, match="is not a mail address"):
        mail_address("mailto:ops@example.net")


@pytest.mark.parametrize("letter", "#%&/=?^`{|}")
def test_a_mail_address_must_fit_into_a_url(letter: str) -> None:
    assert mailbox(f"o{letter}s@example.net")
    with pytest.raises(Malformed) as refusal:
        mail_address(f"o{letter}s@example.net")
    assert f'has a "{letter}", which a CA does not take' in str(refusal.value)


def test_a_key_type_is_one_of_a_few() -> None:
    for key_type in ("ec256", "ec384", "rsa2048", "rsa3072", "rsa4096"):
        assert checked_key_type(key_type) == key_type
    with pytest.raises(
        Malformed, match=r'^"ed25519" is not a type of keys; write ec256 or ec384 or'
    ):
        checked_key_type("ed25519")
