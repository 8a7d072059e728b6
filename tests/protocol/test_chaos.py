"""CHAOS queries for the server's id and version, and what the configuration allows them to get."""

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
def test_only_the_configured_id_and_version_are_answered(
    id_: str | None, version: str | None, names: set[bytes]
) -> None:
    """Both names of RFC 4892 and of BIND are answered, or neither."""
    assert set(chaos_rrsets(id_, version)) == names


def test_the_answer_is_a_txt_record_of_class_ch_with_ttl_0() -> None:
    """The record has TYPE TXT, CLASS CH, TTL 0 and the text."""
    found = chaos_rrsets("ns1.example.net", None)[dns.name.from_text("id.server").to_wire() or b""]
    assert found.tail == b"\xc0\x0c\0\x10\0\3\0\0\0\0\0\x10\x0fns1.example.net"


def test_a_text_with_letters_outside_ascii_is_sent_as_utf_8() -> None:
    """Letters outside ASCII are sent as UTF-8."""
    assert chaos_rrsets("zürich", None)[b"\2id\6server\0"].tail[-7:] == "zürich".encode()
