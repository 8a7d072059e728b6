"""The messages of zone transfers, without TSIG: AXFR (RFC 5936) and IXFR (RFC 1995).

Every message has the question, because the owner names of all records point at it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from failoverdns.model.numbers import Rcode
from failoverdns.protocol.transfer.contents import Difference, Snapshot
from failoverdns.protocol.transfer.requests import TransferRequest

MESSAGE: Final = 32 * 1024
"""Bytes of a message of a zone transfer; one record that is longer has a message of its own."""


def axfr_messages(request: TransferRequest, snapshot: Snapshot) -> Iterator[bytes]:
    """Yield the messages of a whole zone, each made when it is asked for (RFC 5936 section 2.2).

    They answer AXFR, and IXFR where no difference can (RFC 1995 section 4).
    """
    raise NotImplementedError


def ixfr_messages(request: TransferRequest, difference: Difference) -> Iterator[bytes]:
    """Yield the messages of an incremental zone transfer (RFC 1995 section 4)."""
    raise NotImplementedError


def soa_message(request: TransferRequest, soa: bytes) -> bytes:
    """Return the reply with the SOA record alone.

    Over TCP it says that the client's serial number is current, over UDP also that the rest does
    not fit, so that the client asks again over TCP (RFC 1995 sections 2 and 4).
    """
    raise NotImplementedError


def ixfr_over_udp(
    request: TransferRequest, soa: bytes, difference: Difference | None, tsig_size: int
) -> bytes:
    """Return the one message that answers IXFR over UDP (RFC 1995 section 2).

    `soa` is the present SOA record; `difference` leads to it, None if there is none; `tsig_size`
    is what the TSIG record will add, in bytes.  What does not fit becomes the SOA record alone.
    """
    raise NotImplementedError


def refusal(request: TransferRequest, rcode: Rcode) -> bytes:
    """Return the reply that has an rcode, the question and no records."""
    raise NotImplementedError
