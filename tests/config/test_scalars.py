"""Single values are read, or refused with a correct form."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failoverdns.config import scalars as values
from failoverdns.config.certificates import acme_directory, mail_address
from failoverdns.config.control import socket_mode
from failoverdns.config.delivery import client
from failoverdns.config.hooks import hook_name
from failoverdns.config.sections import worker_count
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName
from failoverdns.model.settings import ListenAddress


@pytest.mark.parametrize("text", ["192.0.2.53", "::1", "2001:db8::53"])
def test_an_address_is_read(text: str) -> None:
    assert values.address(text) == ip_address(text)


@pytest.mark.parametrize("text", ["", "192.0.2", "192.0.2.256", "192.0.2.01", "fe80::1%eth0", "x"])
def test_an_invalid_address_is_refused(text: str) -> None:
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
def test_an_invalid_listen_address_is_refused(text: str, message: str) -> None:
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
def test_dots_before_the_at_sign_are_part_of_the_first_label(
    text: str, labels: list[bytes]
) -> None:
    """RFC 1035 section 8, with its own example."""
    assert values.mailbox(text) == DomainName.from_labels(labels)


@pytest.mark.parametrize(
    "text",
    [
        *("", "me", "@a.test", "me@", "me@.", "me@a b", "me@a..b", "a..b@c", ".a@c", "a b@c"),
        *("é@c", "x" * 64 + "@c", "a@b,c", "a@b@c", "a@b\\.c"),
    ],
)
def test_an_invalid_mail_address_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match=r"is not a mail address.*; write one such as"):
        values.mailbox(text)


@pytest.mark.parametrize("text", ["", "a\0b"])
def test_an_invalid_path_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="must be the path of a file"):
        values.file_path(text)


def test_names_of_applications_are_case_insensitive() -> None:
    assert values.application("Shop-EU") == "shop-eu"
    for text in ("*", "shop.eu", ""):
        with pytest.raises(Malformed, match="cannot be a DNS label"):
            values.application(text)


def test_an_argument_of_a_program_is_any_text_without_nul() -> None:
    assert values.argument("") == ""
    assert values.argument("a b\n") == "a b\n"
    with pytest.raises(Malformed, match="a program cannot be given a NUL"):
        values.argument("a\0b")


def test_a_text_from_a_ca_is_one_line_of_ascii() -> None:
    assert values.ascii_text("kid 1/~") == "kid 1/~"
    for text in ("", " x", "x ", "é", "a\nb", "a\x7f"):
        with pytest.raises(Malformed, match="must be one line of printable ASCII"):
            values.ascii_text(text)


@pytest.mark.parametrize(
    ("text", "path"), [("a", "/etc/x/a"), ("../a/./b", "/etc/a/b"), ("/a//b/", "/a/b")]
)
def test_a_relative_path_is_completed(text: str, path: str) -> None:
    assert values.absolute(text, Path("/etc/x")) == Path(path)


@given(st.text())
@pytest.mark.parametrize(
    "read",
    [
        *(values.address, values.listen_address, values.mailbox, values.host_name),
        *(socket_mode, worker_count, values.file_path),
        *(client, acme_directory, mail_address, hook_name),
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
def test_an_address_that_cannot_be_a_resolver_is_refused(text: str) -> None:
    """A query can be sent neither to port 0 nor to every address."""
    with pytest.raises(Malformed, match="is not a resolver; write one such as"):
        values.resolver(text)
