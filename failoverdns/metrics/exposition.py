"""The text that Prometheus reads: its own format or OpenMetrics, as it asks for.

A reply about ten thousand groups becomes megabytes of text, which takes longer than another client
of the same process should wait.  So the text is written in pieces of some hundred samples, and the
caller does other work in between.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from prometheus_client import Metric
from prometheus_client.exposition import choose_encoder

from failoverdns.metrics.families import FAMILIES, Family
from failoverdns.metrics.samples import add, empty_metric, samples

AT_ONCE: Final = 100
"""Samples in a piece; a histogram counts as one."""

GZIP: Final = "gzip"
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
_LEVEL: Final = 1
_END: Final = b"# EOF\n"

Encode = Callable[[Any], bytes]


@dataclass(frozen=True, slots=True)
class Rendering:
    """A response: its media type, its content coding (`gzip`, or None), and its body in pieces."""

    media_type: str
    encoding: str | None
    pieces: Iterator[bytes]


def begin(stats: Mapping[str, Any], accept: str, accept_encoding: str) -> Rendering:
    """Return the response to a scrape, whose pieces are made when they are taken.

    `stats` is the result of the command `stats`; the other two are fields of the request, empty if
    they are missing.
    """
    encode, media_type = choose_encoder(accept)
    texts = _texts(stats, encode)
    if _accepts_gzip(accept_encoding):
        return Rendering(media_type, GZIP, _compressed(texts))
    return Rendering(media_type, None, texts)


@dataclass(frozen=True, slots=True)
class _Few:
    """A collector of given metrics, with some of their samples."""

    metrics: Iterable[Metric]

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        return self.metrics


def _texts(stats: Mapping[str, Any], encode: Encode) -> Iterator[bytes]:
    """Yield the text of all families, each in pieces; the first one of a family has its head."""
    for family in FAMILIES:
        found, head = samples(stats, family.place), b""
        while few := [*islice(found, AT_ONCE)]:
            text = _text(family, few, encode)
            yield text.removeprefix(head)
            head = _head(text)
    yield encode(_Few(()))


def _text(family: Family, few: list[tuple[tuple[str, ...], Any]], encode: Encode) -> bytes:
    metric = empty_metric(family)
    for sample in few:
        add(metric, family, sample)
    return encode(_Few([metric])).removesuffix(_END)


def _head(text: bytes) -> bytes:
    """Return the lines at the beginning that describe a metric."""
    at = 0
    while text.startswith(b"# ", at):
        at = text.index(b"\n", at) + 1
    return text[:at]


def _compressed(pieces: Iterator[bytes]) -> Iterator[bytes]:
    compressor = zlib.compressobj(_LEVEL, wbits=_GZIP_WINDOW)
    for piece in pieces:
        yield compressor.compress(piece)
    yield compressor.flush()


def _accepts_gzip(field: str) -> bool:
    """Return whether a field Accept-Encoding names gzip, with another weight than 0."""
    for offer in field.lower().split(","):
        coding, _, weight = (part.strip() for part in offer.partition(";"))
        if coding in (GZIP, "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
