"""Ask failoverdns, NSD and Knot the same questions about the same zone, and list who differs.

The zone has groups of every kind and static records of every shape; the peers load what
`failoverdns records` prints.  Asked is every name, names beside, above and below, of many types,
with and without EDNS.  Compared are rcode, flags and sections, records as sets.

Two differences are there by design: a group with nothing to point at is NODATA, which a zone file
cannot say; and the negative TTL of a group is at most its own TTL.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import dns.flags
import dns.message
import dns.query
import dns.rcode
from measuring import EXECUTABLE, Process, connect, free_port, print_table, version_of

TYPES = (
    *("A", "AAAA", "TXT", "MX", "NS", "SOA", "CNAME", "SRV", "HTTPS", "DS", "CAA", "PTR"),
    *("TYPE65280", "TYPE1000", "ANY", "DNSKEY", "NAPTR", "TLSA"),
)
RECORDS = r"""
@ 3600 IN MX 10 mail
mail 300 IN A 192.0.2.25
www 300 IN CNAME mail
chain 300 CNAME www
out 300 CNAME www.example.org.
dangling 300 CNAME nothing.here
tonodata 300 CNAME ent
deep.ent 300 TXT hello
*.wild 300 A 192.0.2.77
*.wild 300 TXT w
real.wild 300 A 192.0.2.78
*.cwild 300 CNAME mail
sub 300 NS ns.sub
sub 300 NS ns.elsewhere.example.
ns.sub 300 A 192.0.2.99
unglued 300 NS ns.example.net.
viacut 300 CNAME x.sub
x 300 TYPE65280 \# 4 0a000001
_sip._tcp 300 SRV 0 5 5060 sip.example.net.
svc 300 HTTPS 1 . alpn=h2
"""
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
group add empty --label empty
"""


class Reply(NamedTuple):
    """What is compared."""

    rcode: str
    flags: str
    answer: tuple[str, ...]
    authority: tuple[str, ...]
    additional: tuple[str, ...]


def main() -> None:
    """Ask and list."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--examples", type=int, default=3, help="shown of each difference (3)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ports = {"failoverdns": free_port(), "NSD": free_port(), "Knot": free_port()}
        processes = [start_ours(folder, ports["failoverdns"])]
        zone = folder.joinpath("zone").read_text()
        if version_of("nsd", "-v"):
            processes.append(start_nsd(folder, ports["NSD"]))
        else:
            del ports["NSD"]
        if version_of("knotd", "--version"):
            processes.append(start_knot(folder, ports["Knot"]))
        else:
            del ports["Knot"]
        for port in ports.values():
            wait_for(port)
        compare(ports, names_of(zone), arguments.examples)
        for process in processes:
            process.stop()


def compare(ports: dict[str, int], names: list[str], examples: int) -> None:
    """Ask everything; print how often a peer differs in what, with examples."""
    differences: dict[tuple[str, str], list[tuple[str, object, object]]] = defaultdict(list)
    questions = [(n, t, e) for n in names for t in TYPES for e in (False, True)]
    for name, rtype, edns in questions:
        ours = ask(ports["failoverdns"], name, rtype, edns)
        for peer, port in ports.items():
            theirs = ask(port, name, rtype, edns)
            for field, mine, other in zip(Reply._fields, ours, theirs, strict=True):
                if mine != other:
                    differences[peer, field].append((f"{name} {rtype}", mine, other))
    print(f"{len(questions)} questions to {', '.join(ports)}")
    rows = [("peer", "differs in", "questions")]
    rows += [(peer, field, str(len(found))) for (peer, field), found in differences.items()]
    print_table(rows)
    for (peer, field), found in differences.items():
        for question, mine, other in found[:: max(1, len(found) // examples)][:examples]:
            print(f"\n{question}: {field}\n  failoverdns: {mine}\n  {peer}: {other}")


def ask(port: int, name: str, rtype: str, edns: bool) -> Reply:
    """Ask over UDP."""
    query = dns.message.make_query(name, rtype, use_edns=0 if edns else -1, payload=1232)
    reply = dns.query.udp(query, "127.0.0.1", port=port, timeout=5)
    sections = (
        tuple(sorted(line.lower() for rrset in section for line in rrset.to_text().splitlines()))
        for section in (reply.answer, reply.authority, reply.additional)
    )
    return Reply(dns.rcode.to_text(reply.rcode()), dns.flags.to_text(reply.flags), *sections)


def names_of(zone: str) -> list[str]:
    """Return every owner name, and names above, beside and below."""
    owners = {words[0] for line in zone.splitlines() if (words := line.split())[2:3] == ["IN"]}
    above = {owner.partition(".")[2] for owner in owners if owner.count(".") > 3}
    beside = {f"beside.{owner.partition('.')[2]}" for owner in owners}
    below = {f"below.{owner}" for owner in owners} | {f"a.b.{owner}" for owner in owners}
    others = {"test.", ".", "example.com.", "empty.failover.test.", "a.below.wild.failover.test."}
    return sorted(name for name in owners | above | beside | below | others if len(name) < 250)


def start_ours(folder: Path, port: int) -> Process:
    """Start failoverdns with the zone, and write what it serves to `zone`."""
    records = "".join(f"      - '{line}'\n" for line in RECORDS.strip().splitlines())
    folder.joinpath("failoverdns.yaml").write_text(
        "zones:\n  failover.test:\n    nameservers: {ns1: [127.0.0.1, '::1'], ns.b.example: []}\n"
        f"    records:\n{records}listen: ['127.0.0.1:{port}']\nworkers: 0\n"
        "control: {socket: control.sock}\nstate: {sqlite: state.db}\n"
    )
    process = Process([EXECUTABLE, "serve", "--config", "failoverdns.yaml"], folder)
    control = folder / "control.sock"
    connect(control).close()
    for line in COMMANDS.strip().splitlines():
        words = [EXECUTABLE, "--socket", control, *line.split()]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    with folder.joinpath("zone").open("w") as file:
        subprocess.run([EXECUTABLE, "--socket", control, "records"], check=True, stdout=file)
    return process


def start_nsd(folder: Path, port: int) -> Process:
    """Start NSD on the zone, without its rate limit."""
    folder.joinpath("nsd.conf").write_text(
        f'server:\n  ip-address: 127.0.0.1@{port}\n  zonesdir: "{folder}"\n  pidfile: ""\n'
        f'  xfrdfile: "{folder}/xfrd"\n  zonelistfile: "{folder}/zones"\n  database: ""\n'
        '  username: ""\n  chroot: ""\n  minimal-responses: yes\n  rrl-ratelimit: 0\n'
        "remote-control:\n  control-enable: no\n"
        "zone:\n  name: failover.test\n  zonefile: zone\n"
    )
    return Process(["nsd", "-d", "-c", "nsd.conf"], folder)


def start_knot(folder: Path, port: int) -> Process:
    """Start Knot on the zone."""
    folder.joinpath("knot.conf").write_text(
        f'server:\n  listen: 127.0.0.1@{port}\n  rundir: "{folder}"\n'
        f'database:\n  storage: "{folder}/knot"\n'
        f'zone:\n  - domain: failover.test\n    storage: "{folder}"\n    file: zone\n'
        "    zonefile-sync: -1\n"
    )
    return Process(["knotd", "-c", "knot.conf"], folder)


def wait_for(port: int) -> None:
    """Wait until a server answers for the zone."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            if ask(port, "failover.test.", "SOA", edns=False).answer:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"nobody answers on port {port}")


if __name__ == "__main__":
    main()
