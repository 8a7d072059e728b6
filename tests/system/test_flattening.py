"""Flattened groups and zone origins answer with addresses that a real resolver, Unbound, finds.

Unbound forwards to a small name server of the test.  `tests/resolving/` has the tests of faulty
resolvers.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nameserver import NameServer
from ports import free_port
from system.server import CONFIG, DEADLINE, Server, tool, wait_for

HOST = "lb.cloud.example."
LABEL = "shop.failover.test"


@pytest.fixture
def authority() -> Iterator[NameServer]:
    running = NameServer()
    try:
        yield running
    finally:
        running.close()


class Unbound:
    """An Unbound process that forwards all queries to the test's name server."""

    def __init__(self, folder: Path, authority: NameServer) -> None:
        self.port = free_port()
        self._folder = folder
        folder.joinpath("unbound.conf").write_text(
            f'server:\n  interface: 127.0.0.1@{self.port}\n  username: ""\n  chroot: ""\n'
            f'  directory: "{folder}"\n  pidfile: ""\n  use-syslog: no\n  num-threads: 1\n'
            "  do-not-query-localhost: no\n  module-config: iterator\n  do-ip6: no\n"
            "  infra-host-ttl: 0\n  access-control: 127.0.0.0/8 allow\n"
            f'forward-zone:\n  name: "."\n  forward-addr: 127.0.0.1@{authority.port}\n'
            "remote-control:\n  control-enable: no\n"
        )
        self.start()

    def start(self) -> None:
        """Start."""
        with self._folder.joinpath("unbound.log").open("ab") as log:
            self._child = subprocess.Popen(
                [tool("unbound"), "-d", "-c", self._folder / "unbound.conf"], stdout=log, stderr=log
            )

    def stop(self) -> None:
        """Stop the process."""
        if self._child.poll() is None:
            self._child.terminate()
            self._child.wait(DEADLINE)


@pytest.fixture
def unbound(tmp_path: Path, authority: NameServer) -> Iterator[Unbound]:
    running = Unbound(tmp_path, authority)
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def server(tmp_path: Path, unbound: Unbound) -> Iterator[Server]:
    """Start a server that uses Unbound, with an application whose head is a hostname."""
    server = Server(tmp_path, CONFIG + f'resolvers: ["127.0.0.1:{unbound.port}"]\n')
    try:
        server.start()
        server.do(command="application add", name="eu")
        head: dict[str, Any] = {"application": "eu", "name": "lb", "role": "load-balancer"}
        server.do(command="head add", **head, hostname=HOST)
        yield server
    finally:
        server.kill()


def resolved(server: Server) -> dict[str, Any]:
    """Return what `status` reports of the resolved hostname."""
    (group,) = server.do(command="status", group="shop")["groups"]
    found: dict[str, Any] = group["primary"]["resolved"]
    return found


def test_a_flattened_group_answers_with_addresses_that_survive_a_failure(
    server: Server, authority: NameServer, unbound: Unbound
) -> None:
    """A and AAAA are found through CNAMEs; they outlive the resolver and a restart."""
    authority.has(HOST, "CNAME", "a.cloud.example.", ttl=5)
    authority.has("a.cloud.example.", "A", "192.0.2.7", "192.0.2.8", ttl=40)
    authority.has("a.cloud.example.", "AAAA", "2001:db8::7", ttl=86400)
    server.ctl("group", "add", "shop", "--label", "shop", "--primary", "eu", "--flatten")
    wait_for(lambda: server.short(LABEL, "A") == ["192.0.2.7", "192.0.2.8"])
    assert server.short(LABEL, "AAAA") == ["2001:db8::7"]
    assert server.short(LABEL, "CNAME") == []
    line = server.dig("+noall", "+answer", LABEL, "A").splitlines()[0]
    assert line.split()[1] == "10"  # half of the chain's shortest TTL, at least 10
    told = resolved(server)
    assert (told["hostname"], told["problem"]) == (HOST.rstrip("."), None)
    (change,) = server.do(command="history", limit=1)["history"]
    assert (change["command"]["command"], change["changed"][0]["kind"]) == ("resolve", "hostname")

    unbound.stop()
    server.stop()
    server.start()
    wait_for(lambda: "127.0.0.1 port" in (resolved(server)["problem"] or ""))
    assert server.short(LABEL, "A") == ["192.0.2.7", "192.0.2.8"]
    assert resolved(server)["since"] == told["since"]
    assert resolved(server)["checked_at"] is None

    authority.has("a.cloud.example.", "A", "192.0.2.9", ttl=40)
    unbound.start()
    server.stop()
    server.start()
    wait_for(lambda: server.short(LABEL, "A") == ["192.0.2.9"])
    server.ctl("group", "set", "shop", "--no-flatten")
    assert server.short(LABEL, "CNAME") == [HOST]


def test_the_origin_of_a_zone_answers_with_the_addresses_of_its_alias(
    tmp_path: Path, authority: NameServer, unbound: Unbound
) -> None:
    """Its other records remain; a reload applies another alias; the last good answer stays."""
    authority.has(HOST, "A", "192.0.2.7", ttl=600)
    authority.has(HOST, "AAAA", "2001:db8::7", ttl=600)
    authority.has("other.cloud.example.", "A", "192.0.2.9", ttl=600)
    zone = CONFIG.replace("    records:\n", f"    alias: {HOST}\n    records:\n")
    server = Server(tmp_path, zone + f'resolvers: ["127.0.0.1:{unbound.port}"]\n')
    try:
        server.start()
        wait_for(lambda: server.short("failover.test", "A") == ["192.0.2.7"])
        assert server.short("failover.test", "AAAA") == ["2001:db8::7"]
        assert server.short("failover.test", "MX") == ["10 mail.example.net."]
        assert "= lb.cloud.example" in server.ctl("status").stdout
        unbound.stop()
        server.stop()
        server.start()
        assert server.short("failover.test", "A") == ["192.0.2.7"]
        unbound.start()
        server.config.write_text(server.config.read_text().replace(HOST, "other.cloud.example."))
        assert server.process is not None
        server.process.send_signal(1)
        wait_for(lambda: server.short("failover.test", "A") == ["192.0.2.9"])
        assert server.short("failover.test", "AAAA") == []
    finally:
        server.kill()
