"""Call the extension with arguments of all kinds, while sanitizers watch it.

python tests/native/fuzz_module.py FOLDER SECONDS      FOLDER has the seeds, see `seeds.py`

`scripts/fuzz-native` builds the extension with sanitizers and runs this.  Random calls with a
fixed seed: packets and deltas are mutated seeds, other arguments valid or not.  An exception of
the documented types is fine; anything else, and a report of a sanitizer, ends the run.
"""

from __future__ import annotations

import random
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from failoverdns import _native

EXPECTED = (ValueError, TypeError, OverflowError, OSError, MemoryError)
ODD: list[Any] = [None, 0, -1, 2**70, b"", b"x" * 300, "text", (), 1.5, [], object()]


class Caller:
    """Two tables, two limiters and sockets, which random calls use and replace."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.dice = random.Random(seed)
        self.deltas = [path.read_bytes()[2:] for path in sorted(folder.glob("deltas/seed-*"))]
        self.deltas.append((folder / "table.delta").read_bytes())
        self.packets = [path.read_bytes()[1:] for path in sorted(folder.glob("packets/seed-*"))]
        self.table, self.limiter = _native.Table(), self.new_limiter()
        self.servers, self.clients = [], []
        for family, host in (
            (socket.AF_INET, "127.0.0.1"),
            (socket.AF_INET, "0.0.0.0"),
            (socket.AF_INET6, "::1"),
            (socket.AF_INET6, "::"),
        ):
            server = socket.socket(family, socket.SOCK_DGRAM)
            if family == socket.AF_INET6:
                server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            else:
                server.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO
            server.bind((host, 0))
            server.setblocking(False)
            client = socket.socket(family, socket.SOCK_DGRAM)
            client.connect(("::1" if ":" in host else "127.0.0.1", server.getsockname()[1]))
            client.setblocking(False)
            self.servers.append(server)
            self.clients.append(client)

    def run(self, seconds: float) -> int:
        """Make random calls for some time; return their number."""
        until, count = time.monotonic() + seconds, 0
        calls: list[Callable[[], object]] = [
            *[self.serve] * 4,
            *[self.ready_answer] * 4,
            *[self.treat] * 4,
            *[self.look_up] * 2,
            self.change,
            self.replace,
            self.odd,
        ]
        while time.monotonic() < until:
            for _ in range(200):
                with suppress(*EXPECTED):
                    self.dice.choice(calls)()
                count += 1
        return count

    def mutated(self, seeds: list[bytes]) -> bytes:
        """Return a seed, mostly with a few changes."""
        data = bytearray(self.dice.choice(seeds))
        for _ in range(self.dice.choice([0, 0, 1, 1, 2, 5])):
            at = self.dice.randrange(len(data) + 1)
            match self.dice.randrange(4):
                case 0 if data:
                    data[at % len(data)] = self.dice.randrange(256)
                case 1:
                    del data[at:]
                case 2:
                    data[at:at] = self.dice.randbytes(self.dice.choice([1, 2, 11, 300]))
                case _:
                    del data[at : at + self.dice.choice([1, 2, 20])]
        return bytes(data)

    def serve(self) -> None:
        """Let several packets arrive at a socket, and answer them."""
        at = self.dice.randrange(len(self.servers))
        for _ in range(self.dice.choice([1, 3, 70, 150])):
            with suppress(OSError):
                self.clients[at].send(self.mutated(self.packets))
        secrets = b"s" * 16 * self.dice.randrange(4)
        limiter = self.dice.choice([None, self.limiter])
        _, _, left = self.table.serve(self.servers[at].fileno(), secrets, limiter)
        assert all(isinstance(one, bytes) for one, _, _ in left)
        with suppress(BlockingIOError):
            while True:
                assert len(self.clients[at].recv(65535)) <= 1232

    def ready_answer(self) -> None:
        """Answer one packet."""
        address = self.dice.randbytes(self.dice.choice([4, 16, 5]))
        secrets = b"s" * self.dice.choice([0, 16, 32, 48, 7])
        now = self.dice.choice([0, 1, 2**32 - 1, 2**40])
        udp = self.dice.random() < 0.5
        self.table.ready_answer(self.mutated(self.packets), udp, secrets, address, now)

    def treat(self) -> None:
        """Count replies."""
        address = self.dice.randbytes(self.dice.choice([4, 4, 16, 3]))
        name = self.dice.randbytes(self.dice.choice([0, 1, 20, 257, 258]))
        now = self.dice.choice([0, 1, 10**9, self.dice.randrange(2**62), 2**63 - 1, -1])
        for _ in range(self.dice.choice([1, 30])):
            self.limiter.treat(address, self.dice.randrange(-1, 7), name, True, now)
            self.limiter.refuses(address, now)
        assert sum(self.limiter.counts()) >= 0 <= len(self.limiter)

    def look_up(self) -> None:
        """Look up names, most of them valid."""
        name = self.dice.choice(self.packets)[12:]
        name = name[: name.find(b"\0") + 1] or self.dice.randbytes(20)
        for call in (self.table.find, self.table.zone_of):
            with suppress(ValueError):
                call(name)
        self.table.cut_above(name, name[self.dice.randrange(len(name) + 1) :])
        assert self.table.memory() > len(self.table)

    def change(self) -> None:
        """Apply a delta, or stage it in a new table, which a fault makes unusable."""
        delta = self.mutated(self.deltas)
        if self.dice.random() < 0.3:
            table = _native.Table()
            table.apply(self.deltas[-1])
            table.stage(delta)
            table.apply(self.mutated(self.deltas))
        self.table.apply(delta)

    def replace(self) -> None:
        """Begin again with an empty or a filled table, and another limiter."""
        self.table = _native.Table()
        if self.dice.random() < 0.9:
            self.table.apply(self.deltas[-1])
        self.limiter = self.new_limiter()

    def new_limiter(self) -> _native.Limiter:
        """Return a limiter with random limits, some of them invalid."""
        rate = lambda: self.dice.choice([0, 1, 20, 10_000_000])  # noqa: E731
        networks = [(b"\x7f\0\0\0", 8), (bytes(16), 0), (b"\x0a\0\0\1", 32), (b"123", 1), b"odd"]
        few = tuple(self.dice.sample(networks[:3], self.dice.randrange(3)))
        try:
            return _native.Limiter(
                self.dice.randbytes(16),
                (rate(), rate(), rate(), rate(), rate(), rate()),
                self.dice.choice([1, 15, 3600, 0]),
                self.dice.randrange(11),
                self.dice.randrange(34),
                self.dice.randrange(130),
                self.dice.choice([1, 8, 1000, 100_000]),
                few if self.dice.random() < 0.9 else tuple(networks),  # type: ignore[arg-type]
            )
        except EXPECTED:
            return _native.Limiter(bytes(16), (1, 1, 1, 1, 1, 1), 1, 1, 24, 56, 8, ())

    def odd(self) -> None:
        """Call something with arguments of wrong types and numbers."""
        owner = self.dice.choice([self.table, self.limiter, _native])
        calls = [getattr(owner, one) for one in dir(owner) if not one.startswith("__")]
        call = self.dice.choice([one for one in calls if callable(one)])
        valid = [b"\0", 1, True, self.limiter, self.servers[0].fileno(), bytes(16)]
        call(*(self.dice.choice(ODD + valid) for _ in range(self.dice.randrange(9))))


def main(folder: Path, seconds: float) -> None:
    """Make random calls; print their number."""
    count = Caller(folder, 1).run(seconds)
    print(f"{count} calls of {_native.__file__}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
