"""Who the server is, for class CH, where the configuration tells it."""

from __future__ import annotations

import dns.name
import pytest

from failoverdns.protocol.chaos import chaos_rrsets

ID = {b"\2id\6server\0", b"\10hostname\4bind\0"}
VERSION = {b"\7version\6server\0", b"\7version\4bind\0"}


@pytest.mark.parametrize(
    ("id_", "version", "names"),
    [
        (None, None, set()),
        ("ns1", None, ID),
        (None, "1.0", VERSION),
        ("ns1", "1.0", ID | VERSION),
        ("", None, ID),
    ],
    ids=["nothing", "the id", "the version", "both", "an empty id"],
)
def test_tells_what_is_configured_and_no_more(
    id_: str | None, version: str | None, names: set[bytes]
) -> None:
    """Each name of RFC 4892 and its older twin of BIND are there, or neither."""
    assert set(chaos_rrsets(id_, version)) == names


def test_the_answer_is_a_text_of_class_ch_that_is_not_cached() -> None:
    """TYPE TXT, CLASS CH, TTL 0 and the text."""
    found = chaos_rrsets("ns1.example.net", None)[dns.name.from_text("id.server").to_wire() or b""]
    assert found.tail == b"\xc0\x0c\0\x10\0\3\0\0\0\0\0\x10\x0fns1.example.net"


def test_a_text_may_be_any_utf_8() -> None:
    """Letters outside ASCII go out as UTF-8."""
    assert chaos_rrsets("zürich", None)[b"\2id\6server\0"].tail[-7:] == "zürich".encode()
