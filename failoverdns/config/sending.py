"""A configuration as frames: the process that reads it writes them, and the server takes them.

    frame   = length of the rest (4), kind (1), body
    HELLO   the version of failoverdns and of these frames
    FAULTS  errors of the configuration
    ZONES   zones without static records, each with its digest and its number of names
    NAMES   names with static records of the zones before, in their order
    CONFIG  the configuration without zones; it is the last frame

Values are pickled, for speed and because the model has many types.  The reader makes no objects but
those of the model and a few of Python's own, so frames cannot make it call anything else.
Static records, which may be very many, are bytes: a frame has as many as are taken within a few
milliseconds.
"""

from __future__ import annotations

import enum
import io
import pickle
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from struct import Struct
from typing import Any, Final

from failoverdns import __version__
from failoverdns.config.errors import ConfigError
from failoverdns.model.settings import Config
from failoverdns.model.static_records import StaticRecords, is_wildcard
from failoverdns.model.zone import Zone

FORMAT: Final = f"{__version__} 1"
"""The version of frames; both processes must have the same."""

MANY: Final = 50
"""Zones or errors in a frame."""

NAMES: Final = 1000
"""Names in a frame."""

MAX_FRAME: Final = 1 << 28

_HEAD: Final = Struct(">IB")
_NAME: Final = Struct(">BI")
_SAFE: Final = frozenset(
    {
        ("builtins", "frozenset"),
        ("builtins", "set"),
        ("ipaddress", "IPv4Address"),
        ("ipaddress", "IPv6Address"),
        ("ipaddress", "IPv4Network"),
        ("ipaddress", "IPv6Network"),
        ("pathlib", "PosixPath"),
        ("failoverdns.config.errors", "ConfigError"),
    }
)


class Kind(enum.IntEnum):
    """The kind of a frame."""

    HELLO = 1
    FAULTS = 2
    ZONES = 3
    NAMES = 4
    CONFIG = 5


class CannotTake(Exception):
    """The frames are of another version, or damaged; the text says which."""


def write_config(config: Config) -> Iterator[bytes]:
    """Yield the frames of a configuration, to follow the first one."""
    zones = iter(config.zones)
    while some := list(islice(zones, MANY)):
        heads = [
            (replace(zone, records=()), zone.digest(), len(zone.static.by_owner)) for zone in some
        ]
        yield _frame(Kind.ZONES, pickle.dumps(heads))
        names = (pair for zone in some for pair in zone.static.by_owner.items())
        while piece := list(islice(names, NAMES)):
            yield _frame(Kind.NAMES, b"".join(_written(piece)))
    yield _frame(Kind.CONFIG, pickle.dumps(replace(config, zones=())))


def write_faults(errors: Iterable[ConfigError]) -> Iterator[bytes]:
    """Yield the frames of a configuration with errors, to follow the first one."""
    rest = iter(errors)
    while some := list(islice(rest, MANY)):
        yield _frame(Kind.FAULTS, pickle.dumps(some))


def hello() -> bytes:
    """Return the first frame."""
    return _frame(Kind.HELLO, FORMAT.encode())


class ConfigReader:
    """Puts a configuration together from the bytes of its frames, as they arrive."""

    def __init__(self) -> None:
        self.config: Config | None = None
        """Set when all has arrived and there are no errors."""
        self.errors: list[ConfigError] = []
        self._buffer = bytearray()
        self._known = False
        self._zones: list[Zone] = []
        self._waiting: deque[tuple[Zone, str, int]] = deque()
        self._names: dict[bytes, bytes] = {}
        self._wildcards: set[bytes] = set()

    def feed(self, data: bytes) -> None:
        """Take bytes; raises CannotTake."""
        buffer, at = self._buffer, 0
        buffer += data
        while len(buffer) - at >= _HEAD.size:
            length, kind = _HEAD.unpack_from(buffer, at)
            if not 1 <= length <= MAX_FRAME or (not self._known and kind != Kind.HELLO):
                raise CannotTake("what reads the configuration is another program")
            end = at + 4 + length
            if len(buffer) < end:
                break
            body = bytes(buffer[at + _HEAD.size : end])
            at = end
            try:
                self._take(kind, body)
            except CannotTake:
                raise
            except Exception as fault:
                raise CannotTake(f"a damaged frame of kind {kind}: {fault!r}") from None
        del buffer[:at]

    def _take(self, kind: int, body: bytes) -> None:
        match kind:
            case Kind.HELLO:
                self._greet(body.decode())
            case Kind.FAULTS:
                self.errors += _loads(body)
            case Kind.ZONES:
                self._waiting += _loads(body)
                self._finish_zones()
            case Kind.NAMES:
                self._take_names(body)
            case Kind.CONFIG:
                if self._waiting or self._names:
                    raise CannotTake("records are missing")
                self.config = replace(_loads(body), zones=tuple(self._zones))
            case _:
                raise CannotTake(f"a frame of unknown kind {kind}")

    def _greet(self, found: str) -> None:
        if found != FORMAT:
            version = found.partition(" ")[0]
            raise CannotTake(
                f"version {version} is on disk, and {__version__} runs: "
                "run `failoverdns restart`, which reads the configuration, too"
            )
        self._known = True

    def _take_names(self, body: bytes) -> None:
        at, end = 0, len(body)
        while at < end:
            size, length = _NAME.unpack_from(body, at)
            begin = at + _NAME.size
            at = begin + size + length
            owner = body[begin : begin + size]
            self._names[owner] = body[begin + size : at]
            if is_wildcard(owner):
                self._wildcards.add(owner)
            if len(self._names) == self._waiting[0][2]:
                self._finish_zones()

    def _finish_zones(self) -> None:
        """Make the zones that have all their records."""
        while self._waiting and len(self._names) == self._waiting[0][2]:
            zone, digest, _ = self._waiting.popleft()
            records = StaticRecords(self._names, self._wildcards)
            self._zones.append(zone.with_static(records, digest))
            self._names, self._wildcards = {}, set()


def _written(names: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
    for owner, rrsets in names:
        yield _NAME.pack(len(owner), len(rrsets))
        yield owner
        yield rrsets


def _frame(kind: Kind, body: bytes) -> bytes:
    return _HEAD.pack(len(body) + 1, kind) + body


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Return a class of the model, or one of a few others."""
        if (module, name) in _SAFE or (module.startswith("failoverdns.model.") and "." not in name):
            found = super().find_class(module, name)
            if isinstance(found, type) and found.__module__ == module:
                return found
        raise CannotTake(f"the frames ask for {module}.{name}")


def _loads(body: bytes) -> Any:
    return _Unpickler(io.BytesIO(body)).load()
