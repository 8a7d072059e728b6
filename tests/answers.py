"""A small DNS server for tests, which a CA or a resolver can query."""

from __future__ import annotations

import socketserver
import threading
import time
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset


class Answers:
    """A DNS server over UDP and TCP on one port, with TXT and CNAME records from dictionaries.

    Other names are asked of the server at the port `upstream` on 127.0.0.1, if there is one.
    """

    def __init__(self, upstream: int | None = None) -> None:
        self.upstream = upstream
        self.texts: dict[str, list[str]] = {}
        self.aliases: dict[str, str] = {}
        self.asked: list[str] = []

        class Datagram(socketserver.BaseRequestHandler):
            def handle(handler) -> None:  # noqa: N805
                packet, sock = handler.request
                sock.sendto(self.respond(packet), handler.client_address)

        class Stream(socketserver.StreamRequestHandler):
            def handle(handler) -> None:  # noqa: N805
                size = int.from_bytes(handler.rfile.read(2), "big")
                reply = self.respond(handler.rfile.read(size))
                handler.wfile.write(len(reply).to_bytes(2, "big") + reply)

        self._servers: list[Any] = [socketserver.ThreadingTCPServer(("127.0.0.1", 0), Stream)]
        self.port: int = self._servers[0].server_address[1]
        self._servers.append(socketserver.ThreadingUDPServer(("127.0.0.1", self.port), Datagram))

    def respond(self, packet: bytes) -> bytes:
        """Answer a query, following aliases."""
        query = dns.message.from_wire(packet)
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA | dns.flags.RA
        question = query.question[0]
        name = question.name.to_text().rstrip(".").lower()
        self.asked.append(f"{name} {dns.rdatatype.to_text(question.rdtype)}")
        for _ in range(5):
            if name not in self.aliases:
                break
            target = self.aliases[name]
            reply.answer.append(dns.rrset.from_text(f"{name}.", 0, "IN", "CNAME", f"{target}."))
            name = target
        if name not in self.texts and self.upstream is not None:
            found = self._ask_upstream(name, question.rdtype)
            reply.answer += found.answer
            reply.set_rcode(found.rcode())
        elif name not in self.texts:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif question.rdtype == dns.rdatatype.TXT:
            values = [f'"{text}"' for text in self.texts[name]]
            reply.answer.append(dns.rrset.from_text(f"{name}.", 0, "IN", "TXT", *values))
        return reply.to_wire(max_size=65535)

    def _ask_upstream(self, name: str, rdtype: int) -> dns.message.Message:
        """Ask the other server, and retry as resolvers do, because it may be starting."""
        assert self.upstream is not None
        asked = dns.message.make_query(name, rdtype)
        until = time.monotonic() + 20
        while True:
            try:
                return dns.query.udp(asked, "127.0.0.1", 1, self.upstream)
            except (OSError, dns.exception.Timeout):
                if time.monotonic() > until:
                    return dns.message.make_response(asked)

    def serve(self, values: tuple[tuple[str, str], ...]) -> None:
        """Serve the TXT records of ACME challenges."""
        for name, value in values:
            self.texts.setdefault(f"_acme-challenge.{name}", []).append(value)

    def __enter__(self) -> Answers:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()
