"""The files of the dashboard, which are read once, before the process gives up its files.

A path is looked up among those that were read, so nothing outside their folder can be named.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from failoverdns.delivery.fields import ANY_TAG, entity_tags
from failoverdns.web.exchange import WebReply, WebRequest

MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
"""The media types of files, by how their names end; others are not served."""

MAX_FILE: Final = 4 << 20
"""Bytes of a file; a larger one is not served."""

PREFIX: Final = "/static/"
INDEX: Final = "index.html"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file: its bytes, also compressed if that is shorter, and its entity tags."""

    media_type: str
    content: bytes
    compressed: bytes | None
    tag: str

    def reply_to(self, request: WebRequest) -> WebReply:
        """Return the response: the file, or that the client has it already."""
        compressed = self.compressed if request.has_token("accept-encoding", "gzip") else None
        tag = self.tag if compressed is None else f'{self.tag[:-1]}-gzip"'
        fields = {"ETag": tag, "Vary": "Accept-Encoding"}
        known = entity_tags(request.field_lines("if-none-match"))
        if known & {tag, ANY_TAG}:
            return WebReply(304, fields=fields)
        if compressed is not None:
            fields["Content-Encoding"] = "gzip"
        return WebReply(200, compressed or self.content, self.media_type, fields)


def static_file(media_type: str, content: bytes) -> StaticFile:
    """Return a file with some content, compressed if that is shorter."""
    short = gzip.compress(content, 9, mtime=0)
    tag = f'"{sha256(content).hexdigest()[:32]}"'
    return StaticFile(media_type, content, short if len(short) < len(content) else None, tag)


class StaticFiles:
    """All files, by their paths in URLs."""

    def __init__(self, folder: Path) -> None:
        """Read a folder; a folder that does not exist has no files."""
        self._files = dict(_read(folder))

    def __len__(self) -> int:
        return len(self._files)

    def find(self, path: str) -> StaticFile | None:
        """Return the file at a path of a URL; that of `/` is the index."""
        return self._files.get(PREFIX + INDEX if path == "/" else path)


def _read(folder: Path) -> Iterator[tuple[str, StaticFile]]:
    for path in sorted(folder.rglob("*")):
        media_type = MEDIA_TYPES.get(path.suffix)
        if media_type is None or not path.is_file() or path.stat().st_size > MAX_FILE:
            continue
        name = PREFIX + path.relative_to(folder).as_posix()
        yield name, static_file(media_type, path.read_bytes())
