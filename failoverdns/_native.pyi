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
        self, descriptor: int, secrets: bytes, /
    ) -> tuple[int, int, list[tuple[bytes, bytes, bytes | None]]]:
        """Answer packets that wait at a UDP socket: numbers answered and unsent, and the rest."""
