"""The capabilities of this thread (capabilities(7)): read them, give them up, pass them on.

They belong to a thread, and a new thread gets those of the one that starts it: give them up before
there is a second one.  A program that a process of an ordinary user runs gets its ambient
capabilities, and no others; a program that root runs gets all of them.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from failoverdns.confinement.system_calls import prctl

NET_BIND_SERVICE: Final = 1 << 10
"""The capability to bind ports below 1024."""

_COUNT: Final = 64
"""Capabilities that the kernel could have, at most."""

_VERSION: Final = 0x20080522
"""The version of the structures of capget(2), `_LINUX_CAPABILITY_VERSION_3`."""

_HEADER: Final = struct.Struct("=Ii")
_SETS: Final = struct.Struct("=6I")
_PR_SET_KEEPCAPS: Final = 8
_PR_CAPBSET_READ, _PR_CAPBSET_DROP = 23, 24
_PR_CAP_AMBIENT: Final = 47
_IS_SET, _RAISE, _CLEAR_ALL = 1, 2, 4
_LIBRARY: Final = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Three sets of capabilities, each a number with one bit for each capability."""

    effective: int = 0
    permitted: int = 0
    inheritable: int = 0


def own() -> Capabilities:
    """Return the capabilities of this thread."""
    header = ctypes.create_string_buffer(_HEADER.pack(_VERSION, 0), _HEADER.size)
    sets = ctypes.create_string_buffer(_SETS.size)
    if _LIBRARY.capget(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    low_e, low_p, low_i, high_e, high_p, high_i = _SETS.unpack(sets.raw)
    return Capabilities(low_e | high_e << 32, low_p | high_p << 32, low_i | high_i << 32)


def reduce_to(kept: int) -> None:
    """Give up all capabilities of this thread but `kept`; raises OSError if that is forbidden.

    What is kept is inheritable, so that it can be passed on.  Nothing is gained by this.
    """
    kept &= own().permitted
    wanted = Capabilities(kept, kept, kept)
    if own() == wanted:
        return
    mask = 0xFFFFFFFF
    low = [number & mask for number in (kept, kept, kept)]
    high = [number >> 32 for number in (kept, kept, kept)]
    header = ctypes.create_string_buffer(_HEADER.pack(_VERSION, 0), _HEADER.size)
    sets = ctypes.create_string_buffer(_SETS.pack(*low, *high), _SETS.size)
    if _LIBRARY.capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def keep_across_change_of_user() -> None:
    """Keep the permitted capabilities when root becomes an ordinary user."""
    prctl(_PR_SET_KEEPCAPS, 1)


def drop_bounding() -> None:
    """Empty the bounding set, from which a program could regain capabilities; root only."""
    with suppress(OSError):  # not root, or no capability of this number
        for number in range(_COUNT):
            if prctl(_PR_CAPBSET_READ, number):
                prctl(_PR_CAPBSET_DROP, number)


def pass_on_nothing() -> None:
    """Have programs that this process runs get none of its capabilities, unless it is root's."""
    with suppress(OSError):  # Linux before 4.3 has no ambient capabilities
        prctl(_PR_CAP_AMBIENT, _CLEAR_ALL)


@contextmanager
def passed_on() -> Iterator[None]:
    """Have a program that is run meanwhile get the capabilities of this thread."""
    mine = own()
    with suppress(OSError):
        for number in range(_COUNT):
            if mine.permitted & mine.inheritable & 1 << number:
                prctl(_PR_CAP_AMBIENT, _RAISE, number)
    try:
        yield
    finally:
        pass_on_nothing()


def are_passed_on() -> bool:
    """Return whether programs that this process runs get any of its capabilities."""
    with suppress(OSError):
        return any(prctl(_PR_CAP_AMBIENT, _IS_SET, number) for number in range(_COUNT))
    return False
