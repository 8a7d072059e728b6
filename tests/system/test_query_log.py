"""The query log of the real server, controlled by the command line."""

from __future__ import annotations

import json
from pathlib import Path

from system.server import CONFIG, Server, wait_for


def test_queries_are_logged_while_the_log_is_on(tmp_path: Path) -> None:
    """Queries over UDP and TCP are logged, except before and after that."""
    server = Server(tmp_path, CONFIG + "querylog: {file: queries.json}\n").start()
    try:
        server.dig("before.failover.test")
        assert server.ctl("querylog", "status").stdout == "query log: off\n"
        told = server.ctl("querylog", "on").stdout
        assert told.startswith(f"query log: on, {tmp_path / 'queries.json'}\n")
        server.dig("www.failover.test", "AAAA", "+notcp")
        server.dig("www.failover.test", "AAAA", "+tcp")
        wait_for(lambda: server.do(command="querylog status")["written"] == 2)
        server.ctl("querylog", "off")
        server.dig("after.failover.test")
        lines = [json.loads(line) for line in (tmp_path / "queries.json").read_text().splitlines()]
        assert [
            (line["name"], line["type"], line["transport"], line["rcode"]) for line in lines
        ] == [
            ("www.failover.test", 28, "udp", 3),
            ("www.failover.test", 28, "tcp", 3),
        ]
    finally:
        server.kill()


def test_the_query_log_is_refused_without_a_configured_file(demo: Server) -> None:
    """The error says what to configure."""
    done = demo.ctl("querylog", "on", check=False)
    assert done.returncode == 1
    assert "give `querylog` a `file` in the configuration" in done.stderr
