"""Real resolvers as processes on loopback that know the server of one zone.

They send all other queries to a loopback address on which nothing answers.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import dns.message
import dns.query
from system.server import DEADLINE, tool, wait_for

UNBOUND = """\
server:
  interface: 127.0.0.1
  port: {port}
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  num-threads: 1
  do-ip6: no
  do-daemonize: no
  do-not-query-localhost: no
  root-hints: "{folder}/root.hints"
  module-config: "iterator"
  local-zone: "test." nodefault
  use-caps-for-id: yes
  qname-minimisation: yes
  qname-minimisation-strict: yes
remote-control:
  control-enable: no
stub-zone:
  name: "{zone}"
  stub-addr: 127.0.0.1@{upstream}
"""
KRESD = """\
net.listen('127.0.0.1', {port}, {{ kind = 'dns' }})
net.ipv6 = false
cache.open(10 * MB, 'lmdb://{folder}/cache')
trust_anchors.remove('.')
for _, name in ipairs({{'priming', 'detect_time_skew', 'ta_update', 'ta_signal_query'}}) do
    modules.unload(name)
end
modules.load('hints > iterate')
hints.root({{ ['a.root-servers.net.'] = {{ '127.0.0.1' }} }})
policy.add(policy.suffix(policy.STUB('127.0.0.1@{upstream}'), policy.todnames({{'{zone}'}})))
"""
ROOT_HINTS = ". 3600000 NS a.root-servers.net.\na.root-servers.net. 3600000 A 127.0.0.1\n"


class Resolver:
    """A resolver that sends queries for `zone` to port `upstream` of 127.0.0.1."""

    def __init__(
        self, folder: Path, port: int, write: Callable[[Resolver], list[str]], zone: str
    ) -> None:
        self.folder = folder
        self.port = port
        self.zone = zone
        self.log = folder / "log"
        self._words = write(self)

    def __enter__(self) -> Resolver:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._words, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_for(self._answers, lambda: self.log.read_text())
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(DEADLINE)

    def ask(self, name: str, rtype: str, *, tcp: bool = False) -> dns.message.Message:
        """Send a query with recursion desired, as a stub resolver does; return the reply."""
        query = dns.message.make_query(name, rtype)
        send = dns.query.tcp if tcp else dns.query.udp
        return send(query, "127.0.0.1", DEADLINE, self.port)

    def _answers(self) -> bool:
        assert self._process.poll() is None, self.log.read_text()
        try:
            query = dns.message.make_query(self.zone, "SOA")
            reply = dns.query.udp(query, "127.0.0.1", 1, self.port)
        except (OSError, dns.exception.Timeout):
            return False
        return bool(reply.answer)


def unbound(folder: Path, port: int, upstream: int, zone: str) -> Resolver:
    """Return Unbound with random case (0x20) and strict QNAME minimisation (RFC 9156)."""

    def write(resolver: Resolver) -> list[str]:
        (folder / "root.hints").write_text(ROOT_HINTS)
        config = folder / "unbound.conf"
        config.write_text(UNBOUND.format(port=port, folder=folder, upstream=upstream, zone=zone))
        return [tool("unbound"), "-d", "-c", str(config)]

    return Resolver(folder, port, write, zone)


def knot_resolver(folder: Path, port: int, upstream: int, zone: str) -> Resolver:
    """Return Knot Resolver with its defaults."""

    def write(resolver: Resolver) -> list[str]:
        config = folder / "kresd.conf"
        config.write_text(KRESD.format(port=port, folder=folder, upstream=upstream, zone=zone))
        return [tool("kresd"), "-n", "-c", str(config), str(folder)]

    return Resolver(folder, port, write, zone)
