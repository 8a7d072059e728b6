"""A small name server that a test fills with records and errors, for a resolver to query."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class NameServer:
    """A name server over UDP, in a thread, that answers each name from `zone`.

    It sets RA as well, so that it can stand for a resolver.  REFUSED means that it does not reply.
    """

    def __init__(self) -> None:
        self.zone: dict[tuple[str, str], Callable[[dns.message.Message], None]] = {}
        self.asked = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def has(self, name: str, rtype: str, *data: str, ttl: int = 0) -> None:
        """Answer queries for a name and type with these records."""
        rrset = dns.rrset.from_text(name, ttl, "IN", rtype, *data)
        self.zone[name, rtype] = lambda reply: reply.answer.append(rrset)

    def fails(self, name: str, rtype: str, rcode: dns.rcode.Rcode) -> None:
        """Answer queries for a name and type with an error."""
        self.zone[name, rtype] = lambda reply: reply.set_rcode(rcode)

    def close(self) -> None:
        """Stop."""
        self._socket.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(30)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            packet, client = self._socket.recvfrom(4096)
            if not packet:
                return
            self.asked += 1
            query = dns.message.from_wire(packet)
            reply = dns.message.make_response(query)
            reply.flags |= dns.flags.AA | dns.flags.RA
            name = query.question[0].name.to_text().lower()
            rtype = query.question[0].rdtype.name
            soa = dns.rrset.from_text(name, 0, "IN", "SOA", ". . 1 1 1 1 0")
            answer = self.zone.get((name, rtype)) or self.zone.get((name, "CNAME"))
            if answer is None:
                reply.authority.append(soa)
            else:
                answer(reply)
            if reply.rcode() != dns.rcode.REFUSED:
                self._socket.sendto(reply.to_wire(max_size=65535), client)
