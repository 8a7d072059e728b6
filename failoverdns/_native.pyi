"""The compiled part: `failoverdns/native`."""

class Table:
    """All names that are served, as bytes; names are in wire form and lower case."""

    def __len__(self) -> int:
        """Return how many names exist."""

    def apply(self, delta: bytes, /) -> None:
        """Apply a delta, all of it or nothing; raises ValueError."""

    def stage(self, part: bytes, /) -> None:
        """Take a part of a delta ahead of the rest; raises ValueError."""

    def ready_answer(
        self,
        packet: bytes,
        udp: bool,
        secrets: bytes = ...,
        address: bytes = ...,
        now: int = ...,
        /,
    ) -> bytes | None:
        """Return the reply to a packet, or None; with `secrets` also to one with a cookie."""

    def find(self, name: bytes, /) -> tuple[bytes, bytes, bytes | None, bytes | None] | None:
        """Return origin, RRsets as a delta has them, negative TTL, and SOA of a zone's origin."""

    def zone_of(self, name: bytes, /) -> tuple[bytes, bytes] | None:
        """Return origin and SOA of the zone that a name is in."""

    def cut_above(self, name: bytes, origin: bytes, /) -> bytes | None:
        """Return the highest zone cut at or above `name` and below `origin`."""

    def memory(self) -> int:
        """Return how many bytes are in use."""

    def serve(
        self, descriptor: int, secrets: bytes, /
    ) -> tuple[int, int, list[tuple[bytes, bytes, bytes | None]]]:
        """Answer what waits at a UDP socket: answered, not taken, and what is left."""
