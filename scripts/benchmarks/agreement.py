"""Ask failoverdns, NSD, Knot and BIND the same questions about a large zone; list differences.

The zone has groups of every kind and static records of every shape, `--size` of each.  The peers
load the zone file that `failoverdns records` prints.  `tests/oracle.py` defines the questions, the
comparison, and the intended differences.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from measuring import EXECUTABLE, Process, connect, print_table, version_of

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from oracle import Asker, Difference, Question, Zone, differences, questions
from peers import PEERS, Running
from ports import free_port

ORIGIN = "failover.test"
SHAPES = (
    "{n} 300 TXT n{n}",
    "{n} 300 IN A 192.0.2.{b}",
    "a.{n} 300 IN CNAME a{m}",
    "a{n} 300 IN CNAME {n}",
    "*.w{n} 300 IN A 192.0.2.{b}",
    "x.y.w{n} 300 IN TXT x",
    "*.c{n} 300 IN CNAME nothing{n}",
    "deep.er.e{n} 300 IN SRV 0 5 5060 sip{n}.example.net.",
    "d{n} 300 NS ns.d{n}",
    "d{n} 300 NS ns.d{m}",
    "ns.d{n} 300 A 192.0.2.{b}",
    "ns.d{n} 300 AAAA 2001:db8::{b}",
    "v{n} 300 CNAME v.d{n}",
)
"""Static records; each number has one of each shape."""


def main() -> None:
    """Ask and list differences; exit with status 1 if one is not explained."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=30, help="names of each shape (30)")
    parser.add_argument(
        "--examples", type=int, default=5, help="unexplained differences to show (5)"
    )
    parser.add_argument("--thorough", action="store_true", help="ask every question in every way")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        port = free_port()
        server = start_ours(folder, port, arguments.size)
        file = folder / "zone"
        numbers = range(arguments.size)
        fast = [f"{side}s{n}.{ORIGIN}." for n in numbers for side in ("", "primary.", "backup.")]
        zone = Zone.from_text(file.read_text(), fast)
        peers = [
            Running(peer, peer.program, folder / peer.name, ORIGIN, file)
            for peer in PEERS.values()
            if version_of(peer.program, "-V" if peer.name == "Knot" else "-v")
        ]
        try:
            for peer in peers:
                peer.wait()
            askers = {peer.name: Asker(peer.port) for peer in peers}
            asked = list(questions(zone, thorough=arguments.thorough))
            report(zone, asked, Asker(port), askers, arguments.examples)
        finally:
            for peer in peers:
                peer.stop()
            server.stop()


def report(
    zone: Zone, asked: list[Question], ours: Asker, peers: dict[str, Asker], examples: int
) -> None:
    """Ask all questions; print the number of differences of each peer by reason."""
    began = time.monotonic()
    found = Counter[tuple[str, str]]()
    faults: list[Difference] = []
    for difference in differences(zone, asked, ours, peers):
        found[difference.peer, difference.why or "NOT EXPLAINED"] += 1
        if difference.why is None:
            faults.append(difference)
    seconds = time.monotonic() - began
    print(f"{len(asked)} questions about {len(zone.owners)} names to {', '.join(peers)} and us")
    print(f"{seconds:.0f} s; {len(faults)} differences are not explained\n")
    rows = [("peer", "questions", "difference")]
    print_table(rows + [(peer, str(n), why) for (peer, why), n in sorted(found.items())])
    for fault in faults[:examples]:
        print(f"\n{fault}")
    if faults:
        sys.exit(1)


def start_ours(folder: Path, port: int, size: int) -> Process:
    """Start failoverdns with the zone, and write the served records to the file `zone`."""
    records = "".join(
        f"      - '{shape.format(n=n, m=(n + 1) % size, b=n % 250 + 1)}'\n"
        for n in range(size)
        for shape in SHAPES
    )
    folder.joinpath("failoverdns.yaml").write_text(
        f"zones:\n  {ORIGIN}:\n    nameservers: {{ns1: [127.0.0.1, '::1'], ns.b.example: []}}\n"
        f"    records:\n{records}listen: ['127.0.0.1:{port}']\nworkers: 0\n"
        "control: {socket: control.sock}\nstate: {sqlite: state.db}\n"
    )
    process = Process([EXECUTABLE, "serve", "--config", "failoverdns.yaml"], folder)
    with connect(folder / "control.sock") as client, client.makefile("rw") as lines:

        def send(command: str) -> str:
            lines.write(command + "\n")
            lines.flush()
            reply = lines.readline()
            if not reply.startswith('{"ok": true'):
                raise RuntimeError(f"{command}: {reply}")
            return reply

        send("application add eu")
        send("application add us")
        send("head add eu lb --role load-balancer --address 192.0.2.10 --address 2001:db8::10")
        send("head add us w1 --role web-server --address 198.51.100.20")
        send("head add us w2 --role web-server --address 198.51.100.21")
        for n in range(size):
            send(f"application add cloud{n}")
            send(f"head add cloud{n} lb --role load-balancer --hostname lb{n}.example.com.")
            send(f"group add g{n} --label g{n} --primary eu --backup us")
            send(f"group add s{n} --label s{n} --primary cloud{n} --backup us --ttl 30")
            send(f"group add e{n} --label e{n}")
        text = json.loads(send("records"))["result"]["text"]
    folder.joinpath("zone").write_text(text)
    return process


if __name__ == "__main__":
    main()
