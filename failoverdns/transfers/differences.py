"""The differences between the last serials of a zone, for incremental zone transfers."""

from __future__ import annotations

from collections.abc import Generator

from failoverdns.protocol.transfer.contents import Difference


class Differences:
    """The differences that lead, one after the other, to the present serial of a zone.

    The oldest are left out when they have more than `limit` bytes together.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        raise NotImplementedError

    def append(self, difference: Difference) -> None:
        """Add the difference that leads to the present serial.

        If it does not begin where the last one ended, or its serial does not grow (RFC 1982),
        everything before is forgotten, and so is a difference whose serial does not grow.
        """
        raise NotImplementedError

    def clear(self) -> None:
        """Forget all differences."""
        raise NotImplementedError

    def condensed(self, serial: int) -> Difference | None:
        """Return one difference from `serial` to the present; None if it is not known any more.

        A record that was deleted and added again in between is in neither list.
        """
        raise NotImplementedError

    def condensing(self, serial: int) -> Generator[None, None, Difference | None]:
        """Do the same in slices of about a millisecond: each `yield` ends one."""
        raise NotImplementedError
