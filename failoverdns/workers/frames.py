"""Frames: the messages between the control process and an answering process, as bytes.

    frame = length of the rest (4), kind (1), body
    DELTA   a delta (`protocol.table.deltas`), or the last part of one; it gets no reply
    PART    a part of a delta; not visible before the last part
    NEXT    a part of the next table, which is filled while the present one answers
    SWAP    a delta for the next table, which takes the place of the present one then
    FORGET  no body: the next table is not wanted any more
    CALL    JSON: {"call": number, "name": ..., arguments ...}; it gets a REPLY of that number
    REPLY   JSON: {"call": number, "result": ...} or {"call": number, "code": ..., "message": ...}

Frames are carried out in order, so a reply also confirms everything that was sent before the call.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any, Final

from failoverdns.model.errors import Malformed, Rejected

MAX_BODY: Final = 1 << 28
"""The largest size of a body, in bytes; a larger length means that the stream is corrupt."""

MAX_REPLY: Final = 1 << 20
"""The largest size of a body that an answering process sends, unless a call allows more."""

_HEAD: Final = Struct(">IB")


class Kind(enum.IntEnum):
    """The kind of a frame."""

    DELTA = 1
    PART = 2
    CALL = 3
    REPLY = 4
    NEXT = 5
    SWAP = 6
    FORGET = 7


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame: its kind and its body."""

    kind: Kind
    body: bytes


def write_delta_frame(parts: Sequence[bytes]) -> bytes:
    """Return a delta, given in one or several parts, as frames."""
    kinds = [Kind.PART] * (len(parts) - 1) + [Kind.DELTA]
    pairs = zip(kinds, parts, strict=True)
    return b"".join([_HEAD.pack(len(part) + 1, kind) + part for kind, part in pairs])


def write_next_frame(part: bytes) -> bytes:
    """Return a part of the next table as a frame."""
    return _HEAD.pack(len(part) + 1, Kind.NEXT) + part


def write_swap_frame(delta: bytes) -> bytes:
    """Return a frame that applies a delta to the next table, and answers from it afterwards."""
    return _HEAD.pack(len(delta) + 1, Kind.SWAP) + delta


def write_forget_frame() -> bytes:
    """Return a frame that gives up the next table."""
    return _HEAD.pack(1, Kind.FORGET)


def write_call(number: int, name: str, arguments: dict[str, Any]) -> bytes:
    """Return a frame that calls the other side."""
    return _write(Kind.CALL, {**arguments, "call": number, "name": name})


def write_result(number: int, result: Any) -> bytes:
    """Return a frame with the result of a call."""
    return _write(Kind.REPLY, {"call": number, "result": result})


def write_failure(number: int, code: str, message: str) -> bytes:
    """Return a frame that reports the failure of a call."""
    return _write(Kind.REPLY, {"call": number, "code": code, "message": message})


def read_call(body: bytes) -> tuple[int, str, dict[str, Any]]:
    """Return the number, name and arguments of a call; raises Malformed."""
    call = _read(body)
    try:
        return int(call.pop("call")), str(call.pop("name")), call
    except (KeyError, TypeError, ValueError):
        raise Malformed("a call without number or name") from None


def read_reply(body: bytes) -> tuple[int, Any]:
    """Return the number and result of a reply; raises Malformed.

    The result of a call that failed is a Rejected.
    """
    reply = _read(body)
    try:
        if "code" in reply:
            return int(reply["call"]), Rejected(reply["code"], str(reply["message"]))
        return int(reply["call"]), reply["result"]
    except (KeyError, TypeError, ValueError):
        raise Malformed("a reply without number or result") from None


class FrameReader:
    """Reassembles frames from the pieces in which they arrive."""

    def __init__(self, most: int = MAX_BODY) -> None:
        """Read bodies of at most `most` bytes."""
        self.most = most
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Take received bytes, and return the frames that are complete; raises Malformed."""
        buffer, frames, at = self._buffer, list[Frame](), 0
        buffer += data
        while len(buffer) - at >= _HEAD.size:
            length, kind = _HEAD.unpack_from(buffer, at)
            if not 1 <= length <= self.most + 1 or kind not in set(Kind):
                raise Malformed(f"an invalid frame: kind {kind}, {length} bytes")
            end = at + 4 + length
            if len(buffer) < end:
                break
            frames.append(Frame(Kind(kind), bytes(buffer[at + _HEAD.size : end])))
            at = end
        del buffer[:at]
        return frames


def _write(kind: Kind, value: dict[str, Any]) -> bytes:
    body = json.dumps(value, separators=(",", ":")).encode()
    return _HEAD.pack(len(body) + 1, kind) + body


def _read(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed("invalid JSON") from None
    if not isinstance(value, dict):
        raise Malformed("JSON that is not an object")
    return value
