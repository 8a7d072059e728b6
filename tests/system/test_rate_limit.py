"""Response rate limiting with real clients: a resolver gets answers, a flood does not."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import dns.flags
import dns.message
from system.server import CONFIG, DEADLINE, Server, wait_for

HOSTNAME = "414-262-781.failover.test"
LIMIT = "rate_limit: {responses_per_second: 2, slip: 1, window: 60}\n"


def test_a_flood_is_limited_and_dig_gets_answers_over_tcp_or_with_a_cookie(tmp_path: Path) -> None:
    """`status` counts the truncated replies."""
    server = Server(tmp_path, CONFIG + LIMIT).start()
    try:
        server.load_demo()
        query = dns.message.make_query(HOSTNAME, "A").to_wire()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flood:
            flood.settimeout(DEADLINE)
            flood.connect(("127.0.0.1", server.port))
            truncated = 0
            for _ in range(200):
                flood.send(query)
                truncated += bool(dns.message.from_wire(flood.recv(4096)).flags & dns.flags.TC)
        assert truncated > 100
        assert "flags: qr tc" in server.dig(HOSTNAME, "+ignore", "+nocookie")
        assert server.short(HOSTNAME, "+nocookie") == ["192.0.2.10"], "dig asks again over TCP"
        assert server.short(HOSTNAME, "+cookie") == ["192.0.2.10"], "dig uses BADCOOKIE's cookie"
        told = server.do(command="status")["server"]
        assert told["rate_limit"]["truncated"] >= truncated
        assert told["behind"] is False
        assert told["udp"]["unsent"] == 0
        assert "rate limit: " not in server.ctl("status").stdout, "no reply was dropped"
        server.config.write_text(CONFIG)
        assert server.process is not None
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "reloaded" in server.log.read_text())
        assert server.do(command="status")["server"]["rate_limit"] is None
        assert "flags: qr aa" in server.dig(HOSTNAME, "+ignore", "+nocookie")
    finally:
        server.kill()
