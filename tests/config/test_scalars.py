"""Single values are read, or refused with what would be right."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failoverdns.config import scalars as values
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName
from failoverdns.model.settings import ListenAddress


@pytest.mark.parametrize("text", ["192.0.2.53", "::1", "2001:db8::53"])
def test_an_address_is_read(text: str) -> None:
    assert values.address(text) == ip_address(text)


@pytest.mark.parametrize("text", ["", "192.0.2", "192.0.2.256", "192.0.2.01", "fe80::1%eth0", "x"])
def test_what_is_not_an_address_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="is not an IP address; write one such as"):
        values.address(text)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:5300", "127.0.0.1", 5300),
        ("0.0.0.0:0", "0.0.0.0", 0),
        ("[::1]:65535", "::1", 65535),
        ("[2001:DB8::53]:53", "2001:db8::53", 53),
    ],
)
def test_a_listen_address_is_read(text: str, host: str, port: int) -> None:
    assert values.listen_address(text) == ListenAddress(ip_address(host), port)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("127.0.0.1", "is not an address with a port; write ADDRESS:PORT"),
        ("::1:53", "is not an address with a port; write ADDRESS:PORT"),
        ("127.0.0.1:", "is not an address with a port"),
        ("127.0.0.1:dns", "is not an address with a port"),
        ("127.0.0.1:\N{ARABIC-INDIC DIGIT FIVE}", "is not an address with a port"),
        ("localhost:53", "is not an IP address [(]host names are not allowed"),
        (":53", "is not an IP address"),
        ("[127.0.0.1]:53", "is not an IP address"),
        ("[fe80::1%eth0]:53", "is not an IP address"),
        ("127.0.0.1:65536", "the port must be from 0 to 65535, not 65536"),
    ],
)
def test_what_cannot_be_listened_at_is_refused(text: str, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        values.listen_address(text)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("hostmaster@failover.test", [b"hostmaster", b"failover", b"test"]),
        ("Action.Domains@ISI.EDU", [b"action.domains", b"isi", b"edu"]),
        ("dns+soa@example.net.", [b"dns+soa", b"example", b"net"]),
    ],
)
def test_dots_before_the_at_sign_stay_in_one_label(text: str, labels: list[bytes]) -> None:
    """RFC 1035 section 8, with its own example."""
    assert values.mailbox(text) == DomainName.from_labels(labels)


@pytest.mark.parametrize(
    "text",
    [
        *("", "me", "@a.test", "me@", "me@.", "me@a b", "me@a..b", "a..b@c", ".a@c", "a b@c"),
        *("é@c", "x" * 64 + "@c", "a@b,c", "a@b@c", "a@b\\.c"),
    ],
)
def test_what_is_not_a_mail_address_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match=r"is not a mail address.*; write one such as"):
        values.mailbox(text)


@pytest.mark.parametrize(("value", "count"), [("auto", None), (0, 0), (1, 1), (256, 256)])
def test_workers_are_a_number_or_auto(value: object, count: int | None) -> None:
    assert values.workers(value) == count


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Auto", 'the text "Auto"'),
        ("2", 'the text "2"'),
        (-1, "the number -1"),
        (257, "the number 257"),
        (True, "true"),
        (None, "nothing"),
        ([1], "a list"),
        ({}, "a mapping"),
    ],
)
def test_any_other_count_of_workers_is_refused(value: object, shown: str) -> None:
    with pytest.raises(Malformed) as refusal:
        values.workers(value)
    assert str(refusal.value) == f"must be auto or a whole number from 0 to 256, not {shown}"


@pytest.mark.parametrize(
    ("text", "mode"), [("0660", 0o660), ("600", 0o600), ("0664", 0o664), ("0665", 0o665)]
)
def test_a_mode_is_octal(text: str, mode: int) -> None:
    assert values.socket_mode(text) == mode


@pytest.mark.parametrize("text", ["", "66", "0o660", "0680", "1660", "04660", "rw-rw----"])
def test_what_is_not_a_mode_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match='is not a mode; write octal digits such as "0660"'):
        values.socket_mode(text)


@pytest.mark.parametrize("text", ["0666", "662", "0777"])
def test_a_socket_that_everyone_may_write_to_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="lets every user of the machine switch traffic"):
        values.socket_mode(text)


def test_an_identity_is_1_to_255_bytes_long() -> None:
    assert values.identity_text("x") == "x"
    assert values.identity_text("é" * 127 + "x") == "é" * 127 + "x"
    for text, size in (("", 0), ("é" * 128, 256)):
        with pytest.raises(Malformed, match=f"must be 1 to 255 bytes long, not {size}"):
            values.identity_text(text)


@pytest.mark.parametrize("text", ["", "a\0b"])
def test_what_cannot_be_a_path_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="must be the path of a file"):
        values.file_path(text)


HEX = "0123456789abcdef" * 4
COLONS = ":".join(HEX[at : at + 2] for at in range(0, 64, 2))


@pytest.mark.parametrize(
    ("text", "client"),
    [
        ("web1.shop-eu.internal", "web1.shop-eu.internal"),
        ("Web_1.Internal.", "web_1.internal"),
        ("proxy", "proxy"),
        (f"sha256:{HEX}", f"sha256:{HEX}"),
        (f"SHA256:{COLONS.upper()}", f"sha256:{HEX}"),
    ],
)
def test_a_client_is_a_name_or_a_fingerprint(text: str, client: str) -> None:
    assert values.client(text) == client


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        (".", "the root cannot stand here"),
        ("*.internal", "its part '[*]' cannot be a DNS label"),
        ("192.0.2.1", "an address tells nothing; write a DNS name or a fingerprint"),
        ("2001:db8::1", "an address tells nothing"),
        ("sha1:" + "0" * 40, "cannot be a DNS label"),
        *(
            (f"sha256:{digits}", "a fingerprint is sha256: and 64 hex digits")
            for digits in ("", HEX[1:], HEX + "00", COLONS[1:], COLONS + ":", "x" + HEX[1:])
        ),
        (f"sha256:{COLONS[:-3]}{COLONS[-2:]}", "a fingerprint is sha256: and 64 hex digits"),
        (f"sha256:{HEX[:62]}::", "a fingerprint is sha256: and 64 hex digits"),
        (f"sha256: {HEX}", "a fingerprint is sha256: and 64 hex digits"),
    ],
)
def test_what_cannot_tell_clients_apart_is_refused(text: str, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        values.client(text)


def test_applications_are_named_without_regard_to_case() -> None:
    assert values.application("Shop-EU") == "shop-eu"
    assert values.application_or_all("Shop-EU") == "shop-eu"
    assert values.application_or_all("*") == "*"
    for text in ("*", "shop.eu", ""):
        with pytest.raises(Malformed, match="cannot be a DNS label"):
            values.application(text)
    with pytest.raises(Malformed, match="cannot be a DNS label"):
        values.application_or_all("shop*")


@pytest.mark.parametrize("text", ["x", "Reload-nginx_2.sh", "-", "x" * 64])
def test_a_hook_has_a_simple_name(text: str) -> None:
    assert values.hook_name(text) == text


@pytest.mark.parametrize("text", ["", "x" * 65, "a b", "a/b", "é", "a\n"])
def test_any_other_name_of_a_hook_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match=r"use 1 to 64 letters, digits, '-', '_' or '.'"):
        values.hook_name(text)


def test_events_and_types_of_keys_are_of_few() -> None:
    for event in ("certificate", "switch", "role"):
        assert values.hook_event(event) == event
    for key_type in ("ec256", "ec384", "rsa2048", "rsa3072", "rsa4096"):
        assert values.key_type(key_type) == key_type
    with pytest.raises(Malformed, match=r'^"roles" is not an event; did you mean "role"[?]$'):
        values.hook_event("roles")
    with pytest.raises(Malformed, match=r'^"ed25519" is not a type of keys; use ec256 or ec384 or'):
        values.key_type("ed25519")


def test_a_program_is_given_any_word_but_a_nul() -> None:
    assert values.argument("") == ""
    assert values.argument("a b\n") == "a b\n"
    with pytest.raises(Malformed, match="a program cannot be given a NUL"):
        values.argument("a\0b")


@pytest.mark.parametrize("value", [True, "Required", "", None, ["required"]])
def test_a_switch_waits_for_what_is_required_only(value: object) -> None:
    assert values.before_switch("required") is True
    with pytest.raises(Malformed, match=r"^must be required, not "):
        values.before_switch(value)


@pytest.mark.parametrize("value", [False, 1, "true", None])
def test_terms_are_accepted_by_true_and_nothing_else(value: object) -> None:
    assert values.accepted_terms(True) is True
    with pytest.raises(
        Malformed, match=r"^must be true, not .*: by this you accept the CA's terms"
    ):
        values.accepted_terms(value)


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
    assert values.acme_directory(text) == url


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
def test_what_is_not_a_directory_is_refused(text: str, message: str) -> None:
    with pytest.raises(Malformed) as refusal:
        values.acme_directory(text)
    assert message in str(refusal.value)
    form = "; write letsencrypt, letsencrypt-staging or an https:// URL"
    assert str(refusal.value).endswith(form)


def test_a_mail_address_keeps_the_case_before_the_at_sign() -> None:
    assert values.mail_address("Ops.Team@Example.NET.") == "Ops.Team@example.net"
    with pytest.raises(Malformed, match="is not a mail address"):
        values.mail_address("mailto:ops@example.net")


@pytest.mark.parametrize("letter", "#%&/=?^`{|}")
def test_a_mail_address_must_fit_into_a_url(letter: str) -> None:
    assert values.mailbox(f"o{letter}s@example.net")
    with pytest.raises(Malformed) as refusal:
        values.mail_address(f"o{letter}s@example.net")
    assert f'has a "{letter}", which a CA does not take' in str(refusal.value)


def test_a_text_of_a_ca_is_a_line_of_ascii() -> None:
    assert values.ascii_text("kid 1/~") == "kid 1/~"
    for text in ("", " x", "x ", "é", "a\nb", "a\x7f"):
        with pytest.raises(Malformed, match="must be one line of printable ASCII"):
            values.ascii_text(text)


@pytest.mark.parametrize(
    ("text", "path"), [("a", "/etc/x/a"), ("../a/./b", "/etc/a/b"), ("/a//b/", "/a/b")]
)
def test_a_path_is_completed(text: str, path: str) -> None:
    assert values.absolute(text, Path("/etc/x")) == Path(path)


@given(st.text())
@pytest.mark.parametrize(
    "read",
    [
        *(values.address, values.listen_address, values.mailbox, values.host_name),
        *(values.socket_mode, values.workers, values.file_path),
        *(values.client, values.acme_directory, values.mail_address, values.hook_name),
    ],
)
def test_any_text_is_read_or_refused(read: Callable[[str], object], text: str) -> None:
    try:
        read(text)
    except Malformed:
        return


def test_a_resolver_is_an_address_and_a_port() -> None:
    resolver = values.resolver("[2001:db8::1]:53")
    assert (str(resolver.host), resolver.port) == ("2001:db8::1", 53)


@pytest.mark.parametrize("text", ["127.0.0.1:0", "0.0.0.0:53", "[::]:53"])
def test_what_cannot_be_asked_is_no_resolver(text: str) -> None:
    """Neither a free port nor every address is a place to send a question to."""
    with pytest.raises(Malformed, match="cannot be asked; write one such as"):
        values.resolver(text)
