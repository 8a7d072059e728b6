"""The numbers of DNS are those that dnspython, an independent implementation, knows."""

from __future__ import annotations

from enum import IntEnum

import dns.edns
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import pytest

from failoverdns.model.numbers import EdnsOption, ExtendedError, Opcode, Rcode, RRClass, RRType

OTHER_NAMES = {
    "CHAOS": "CH",
    "CLIENT_SUBNET": "ECS",
    "EXTENDED_ERROR": "EDE",
    "BADVERS": "BADVERS",
}
"""Names that dnspython spells in another way."""

KINDS: list[tuple[type[IntEnum], type[IntEnum]]] = [
    (RRType, dns.rdatatype.RdataType),
    (RRClass, dns.rdataclass.RdataClass),
    (Opcode, dns.opcode.Opcode),
    (Rcode, dns.rcode.Rcode),
    (EdnsOption, dns.edns.OptionType),
    (ExtendedError, dns.edns.EDECode),
]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(number, kind) for kinds, kind in KINDS for number in kinds],
    ids=lambda one: f"{type(one).__name__}.{one.name}" if isinstance(one, IntEnum) else None,
)
def test_a_number_is_the_one_that_is_registered(ours: IntEnum, theirs: type[IntEnum]) -> None:
    assert theirs[OTHER_NAMES.get(ours.name, ours.name)] == ours.value
