"""Records in their usual form are read as dnspython reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failoverdns.config.zones import record_text
from failoverdns.config.zones.plain_records import plain_record
from failoverdns.config.zones.record_text import Record, parse_record
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName

ORIGIN = DomainName.from_text("failover.test")

OWNERS = ["@", "www", "*", "*.a", "A.B", "x.failover.test.", "x.other.", "a..b", "-", ".", "4.3"]
DATA = [
    "192.0.2.1",
    "192.0.2.01",
    "192.0.2.300",
    "1.2.3",
    "2001:DB8::1",
    "::",
    "::ffff:1.2.3.4",
    "10",
    "65536",
    "007",
    "1h",
]
STRINGS = ['"text"', '""', '"a b"', '"' + "x" * 255 + '"', '"' + "x" * 256 + '"', '"\\""', "a" * 64]
TYPES = ["A", "AAAA", "CNAME", "NS", "PTR", "MX", "TXT", "IN", "CH", "a", "in", "SRV", ";", "("]
_WORDS = st.one_of(
    st.sampled_from([*OWNERS, *DATA, *STRINGS, *TYPES]),
    st.text('abAB09._*-:"\\ ;()', max_size=8),
)
LINES = st.tuples(st.lists(_WORDS, min_size=2, max_size=6), st.sampled_from([" ", "\t", "  "])).map(
    lambda drawn: drawn[1].join(drawn[0])
)
_TYPED = st.builds(
    "{} {}{}{} {}".format,
    _WORDS,
    st.sampled_from(["", "60 ", "999999999 ", "4294967296 "]),
    st.sampled_from(["", "IN "]),
    st.sampled_from(["A", "AAAA", "CNAME", "NS", "PTR", "MX 10", "MX 99999", "TXT"]),
    _WORDS,
)


def _read(text: str) -> Record | str:
    try:
        return parse_record(text, ORIGIN, 300)
    except Malformed as fault:
        return str(fault)


@given(LINES | _TYPED)
def test_the_fast_reader_gives_what_dnspython_gives(text: str) -> None:
    fast = _read(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record_text, "plain_record", lambda text, origin: None)
        assert fast == _read(text)


@pytest.mark.parametrize(
    "text",
    [
        "www A 192.0.2.1",
        "www 60 IN AAAA 2001:db8::1",
        "@ MX 10 Mail",
        "b CNAME c.example.",
        'x TXT "v=spf1 -all"',
        "4.3 PTR host.example.",
    ],
)
def test_usual_records_are_read_by_the_fast_reader(text: str) -> None:
    assert plain_record(text, ORIGIN) is not None
