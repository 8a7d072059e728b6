"""The numbers of DNS equal those of dnspython, an independent implementation."""

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
"""Names that dnspython spells differently."""

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
def test_a_number_has_its_registered_value(ours: IntEnum, theirs: type[IntEnum]) -> None:
    assert theirs[OTHER_NAMES.get(ours.name, ours.name)] == ours.value
