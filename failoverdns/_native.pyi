"""The extension module in C, from `failoverdns/native`."""

class Table:
    """The table of all served names, as bytes; names are in wire form and lower case."""

    def __len__(self) -> int:
        """Return the number of names that exist."""

    def apply(self, delta: bytes, /) -> None:
        """Apply a delta, all of it or nothing; raises ValueError."""

    def stage(self, part: bytes, /) -> None:
        """Take a part of a delta before the rest; raises ValueError."""

    def ready_answer(
        self,
        packet: bytes,
        udp: bool,
        secrets: bytes = ...,
        address: bytes = ...,
        now: int = ...,
        /,
    ) -> bytes | None:
        """Return the ready answer to a packet, or None; with `secrets` it may have a cookie."""

    def find(self, name: bytes, /) -> tuple[bytes, bytes, bytes | None, bytes | None] | None:
        """Return the origin of the zone, the RRsets as in a delta, the negative TTL and the SOA.

        The SOA is None except at the origin of a zone.  None if the name does not exist.
        """

    def zone_of(self, name: bytes, /) -> tuple[bytes, bytes] | None:
        """Return the origin and the SOA of the zone of a name, or None."""

    def cut_above(self, name: bytes, origin: bytes, /) -> bytes | None:
        """Return the highest zone cut at or above `name` and below `origin`."""

    def memory(self) -> int:
        """Return the bytes of memory in use."""

    def serve(
        self, descriptor: int, secrets: bytes, limiter: Limiter | None = ..., /
    ) -> tuple[int, int, list[tuple[bytes, bytes, bytes | None]]]:
        """Answer packets that wait at a UDP socket: numbers answered and unsent, and the rest."""

    def counts(self) -> tuple[tuple[int, ...], int, int]:
        """Return counts since the creation: replies by RCODE, truncated ones, ignored packets."""

class Limiter:
    """The accounts of a rate limit."""

    def __new__(
        cls,
        secret: bytes,
        per_second: tuple[int, int, int, int, int, int],
        window: int,
        slip: int,
        ipv4_prefix_length: int,
        ipv6_prefix_length: int,
        most_accounts: int,
        exempt: tuple[tuple[bytes, int], ...],
        /,
    ) -> Limiter:
        """Begin without accounts; `per_second` has the rates in the order of `ReplyKind`."""

    def __len__(self) -> int:
        """Return the number of accounts."""

    def treat(self, address: bytes, kind: int, name: bytes, can_truncate: bool, now: int, /) -> int:
        """Count a reply, and return the number of its treatment."""

    def refuses(self, address: bytes, now: int, /) -> bool:
        """Return whether any reply to a client would be dropped, and if so count one."""

    def counts(self) -> tuple[int, int]:
        """Return the numbers of truncated and dropped replies."""

def is_reflecting_port(port: int, /) -> bool:
    """Return whether packets from a port are never answered by C."""
