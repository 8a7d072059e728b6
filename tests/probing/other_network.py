"""Probes in a network namespace of its own, whose result is printed: run by `unshare --net`.

    python other_network.py FOLDERS_OF_MODULES

The namespace has an address on one end of a veth pair, and a router at the other end: no way to
IPv6, one neighbour that is dead, and a network to which the router knows no way.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

sys.path[:0] = sys.argv[1].split(":")

from heads import Probed, make_target  # noqa: E402

from failoverdns.model.health import CheckKind  # noqa: E402

TARGETS = {
    "no route to IPv6": "2001:db8::1",
    "no route to IPv4": "203.0.113.1",
    "dead neighbour": "10.9.0.77",
    "router without a way": "198.51.100.1",
}
"""What is the matter with each address that is probed."""


def run(command: str) -> None:
    """Run a command of words."""
    subprocess.run(command.split(), check=True, capture_output=True)


def main() -> None:
    """Build the network, probe each target, and print the results as JSON."""
    router = subprocess.Popen(
        ["unshare", "--net", "--kill-child", "sh", "-c", "echo here; exec sleep 60"],
        stdout=subprocess.PIPE,
    )
    assert router.stdout is not None
    router.stdout.readline()
    children = f"/proc/{router.pid}/task/{router.pid}/children"
    with open(children, encoding="ascii") as file:
        inside = (file.read().split() or [str(router.pid)])[0]
    try:
        run("ip link set lo up")
        run("ip link add there type veth peer name here")
        run(f"ip link set here netns {inside}")
        run("ip address add 10.9.0.1/24 dev there")
        run("sysctl -w net.ipv4.neigh.there.retrans_time_ms=50")
        run("sysctl -w net.ipv6.conf.there.disable_ipv6=1")
        run("ip link set there up")
        enter = f"nsenter --net=/proc/{inside}/ns/net"
        run(f"{enter} ip address add 10.9.0.2/24 dev here")
        run(f"{enter} ip link set here up")
        run(f"{enter} sysctl -w net.ipv4.ip_forward=1")
        run("ip route add 198.51.100.0/24 via 10.9.0.2")
        probed, found = Probed(), {}
        for what, host in TARGETS.items():
            began = time.monotonic()
            result = probed(make_target(CheckKind.TCP, 80, host=host, timeout=5.0))
            found[what] = [result.cause and result.cause.value, result.detail]
            print(what, time.monotonic() - began, file=sys.stderr)
        probed.prober.stop()
        print(json.dumps(found))
    finally:
        router.kill()
        router.wait()


main()
