"""NSD, Knot and BIND, with the zone file that `records` prints, answer as we do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from oracle import EXPLAINED, Asker, Question, Zone, differences, questions
from peers import PEERS, Running
from system.server import Server, tool

CONFIG = r"""
zones:
  failover.test:
    nameservers: {ns1: [127.0.0.1, "::1"], ns.b.example: []}
    records:
      - '@ 3600 IN MX 10 mail'
      - '@ CAA 0 issue "ca.example.net"'
      - 'mail 300 IN A 192.0.2.25'
      - 'www 300 IN CNAME Mail'
      - 'chain 300 CNAME www'
      - 'out 300 CNAME www.Example.org.'
      - 'dangling 300 CNAME nothing.here'
      - 'tonodata 300 CNAME ent'
      - 'toempty 300 CNAME docs'
      - 'deep.ent 300 TXT hello'
      - '*.wild 300 A 192.0.2.77'
      - '*.wild 300 TXT w'
      - 'real.wild 300 A 192.0.2.78'
      - 'x.ent.wild 300 A 192.0.2.79'
      - '*.cwild 300 CNAME mail'
      - '*.nxwild 300 CNAME nothing'
      - '*.selfwild 300 CNAME a.b.wild'
      - 'sub 300 NS ns.sub'
      - 'sub 300 NS ns.elsewhere.example.'
      - 'sub 300 NS ns.other'
      - 'sub 300 NS mail'
      - 'ns.sub 300 A 192.0.2.99'
      - 'ns.other 300 NS ns.other'
      - 'ns.other 300 A 192.0.2.98'
      - 'ns.other 300 AAAA 2001:db8::98'
      - 'ns.other 300 DS 1 13 2 0000000000000000000000000000000000000000000000000000000000000000'
      - 'unglued 300 NS ns.example.net.'
      - 'viacut 300 CNAME x.sub'
      - 'sub 300 MX 10 mail'
      - 'sub 300 AAAA 2001:db8::97'
      - 'www.sub 300 A 192.0.2.97'
      - 't.ent.sub 300 TXT hidden'
      - 'c.sub 300 CNAME mail'
      - '*.sub 300 A 192.0.2.96'
      - 'deep.sub 300 NS ns.deep.sub'
      - 'ns.deep.sub 300 A 192.0.2.95'
      - 'tohidden 300 CNAME c.sub'
      - 'lost 300 NS ns.lost'
      - 'unaddressed 300 NS nothing.here'
      - 'loop 300 CNAME pool'
      - 'pool 300 CNAME loop'
      - 'self 300 CNAME self'
      - 'toloop 300 CNAME self'
      - 'a.*.star 300 A 192.0.2.94'
      - '*.*.star 300 TXT stars'
      - 'x 300 TYPE65280 \# 4 0a000001'
      - '_sip._tcp 300 SRV 0 5 5060 sip.example.net.'
      - 'svc 300 HTTPS 1 . alpn=h2'
      - 'od\.d\000\255 300 TXT "\000\"\\ \255"'
      - |
        big 300 TXT ( "{long}" "{long}" "{long}" "{long}" "{long}" "{long}" )
listen: ["127.0.0.1:0"]
workers: 0
control: {socket: control.sock}
state: {sqlite: state.db}
""".replace("{long}", "x" * 250)

COMMANDS = """
application add eu
application add us
application add cloud
head add eu lb --role load-balancer --address 192.0.2.10 --address 2001:db8::10
head add us w1 --role web-server --address 198.51.100.20
head add us w2 --role web-server --address 198.51.100.21
head add cloud lb --role load-balancer --hostname lb.cloud.example.com.
group add shop --label 414-262-781 --primary eu --backup us
group add docs --label docs --primary cloud --backup us --ttl 30
group add half --label half --primary eu
group add empty --label empty
group add apex --label @ --primary us --ttl 30
application add wild
application remove wild
group add nxwild --label nxwild
group remove nxwild
"""


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_nsd_knot_and_bind_give_the_same_answers(tmp_path: Path, stack: ExitStack) -> None:
    """Rcode, flags, question, records and TTLs agree, except for differences that are explained."""
    programs = {name: tool(peer.program) for name, peer in PEERS.items()}
    server = Server(tmp_path, CONFIG)
    stack.callback(server.kill)
    server.start()
    with server.connect() as client:
        for line in COMMANDS.strip().splitlines():
            assert client.ask(line.encode() + b"\n")["ok"], line
    file = tmp_path / "zone"
    file.write_text(server.do(command="records")["text"])
    zone = Zone.from_text(
        file.read_text(),
        short=(
            *("docs.failover.test.", "primary.docs.failover.test.", "backup.docs.failover.test."),
            *("failover.test.", "primary.failover.test.", "backup.failover.test."),
        ),
    )
    running = [
        Running(peer, programs[name], tmp_path / name, "failover.test", file)
        for name, peer in PEERS.items()
    ]
    for peer in running:
        stack.callback(peer.stop)
    askers = {}
    for peer in running:
        peer.wait()
        askers[peer.name] = Asker(peer.port)
    ours = Asker(server.port)
    for asker in (ours, *askers.values()):
        stack.callback(asker.close)
    large = [Question("big.failover.test.", "TXT", size, False, 0, False) for size in (None, 512)]
    many = Question("414-262-781.failover.test.", "ANY", None, False, 0, True)
    found = list(differences(zone, [*questions(zone), *large, many], ours, askers))
    faults = [difference for difference in found if difference.why is None]
    assert not faults, f"{len(faults)} differ:\n" + "\n".join(map(str, faults[:20]))
    assert {difference.why for difference in found} == {why for why, _ in EXPLAINED}
