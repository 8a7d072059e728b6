"""Single values are read, or refused with what would be right."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failoverdns.config import values
from failoverdns.config.settings import ListenAddress
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName


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


@given(st.text())
@pytest.mark.parametrize(
    "read",
    [
        *(values.address, values.listen_address, values.mailbox, values.host_name),
        *(values.socket_mode, values.workers, values.file_path),
    ],
)
def test_any_text_is_read_or_refused(read: Callable[[str], object], text: str) -> None:
    try:
        read(text)
    except Malformed:
        return
