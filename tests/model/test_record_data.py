"""Names in record data are found where their type has them, and compared without regard to case."""

from __future__ import annotations

import pytest

from failoverdns.model.record_data import compared, has_layout


@pytest.mark.parametrize(
    ("rtype", "data", "expected"),
    [
        pytest.param(5, b"\3WWW\4TEST\0", b"\3www\4test\0", id="CNAME"),
        pytest.param(15, b"\0\x41\4MAIL\0", b"\0\x41\4mail\0", id="MX: not its preference"),
        pytest.param(6, b"\1A\0\1B\0" + b"Z" * 20, b"\1a\0\1b\0" + b"Z" * 20, id="SOA"),
        pytest.param(33, b"AAAAAA\1B\0", b"AAAAAA\1b\0", id="SRV"),
        pytest.param(
            35, b"AAAA\1U\3SIP\0\1X\0", b"AAAA\1U\3SIP\0\1x\0", id="NAPTR: not its strings"
        ),
        pytest.param(16, b"\3TXT", b"\3TXT", id="TXT"),
        pytest.param(65300, b"\3TXT", b"\3TXT", id="an unknown type"),
        pytest.param(5, b"\3WW", b"\3WW", id="a name that is cut short"),
        pytest.param(5, b"\1A\0A", b"\1A\0A", id="bytes after a name"),
        pytest.param(5, b"\xc0\x0c", b"\xc0\x0c", id="a compressed name"),
    ],
)
def test_only_names_are_in_lower_case(rtype: int, data: bytes, expected: bytes) -> None:
    assert compared(rtype, data) == expected


def test_types_with_names_are_known() -> None:
    assert has_layout(15)
    assert not has_layout(16)
