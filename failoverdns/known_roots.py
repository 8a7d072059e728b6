"""The roots that clients are known to trust: the CAs of this machine, and those of checks.

They are read when a certificate is judged, and again when the files have changed.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from failoverdns.model.errors import Malformed
from failoverdns.model.policy import AutomationSettings
from failoverdns.pki.anchors import NO_ANCHORS, Anchors, read_anchors
from failoverdns.regular_files import require_regular

_MAX_FILE: Final = 8 << 20
"""Bytes of a file that are read, at most."""


class KnownRoots:
    """The trusted roots of the system, and of the files that checks name with `ca_file`."""

    def __init__(self, settings: Callable[[], AutomationSettings]) -> None:
        """Prepare; `settings` returns the checks of the configuration in use."""
        self._settings = settings
        self._seen: object = None
        self._anchors = NO_ANCHORS

    def __call__(self) -> Anchors:
        """Return the roots; files that cannot be read are left out.  Reads files."""
        named = {check.tls.ca_file for check in self._settings().checks}
        files = [*_system_files(), *sorted(Path(file) for file in named if file is not None)]
        seen = [(file, _state(file)) for file in files]
        if seen != self._seen:
            self._anchors, self._seen = read_anchors(_contents(files)), seen
        return self._anchors


def _system_files() -> list[Path]:
    """Return the files in which OpenSSL looks for trusted CAs: one, or else those of a folder."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile is not None:
        return [Path(paths.cafile)]
    try:
        names = sorted(os.listdir(paths.capath)) if paths.capath is not None else []
    except OSError:
        return []
    # OpenSSL finds them by names such as 5ad8a5d6.0
    hashed = [name for name in names if name[-2:-1] == "." and name[-1].isdigit()]
    return [Path(str(paths.capath), name) for name in hashed]


def _contents(files: Iterable[Path]) -> Iterator[bytes]:
    for file in files:
        try:
            require_regular(file)
            with file.open("rb") as opened:
                yield opened.read(_MAX_FILE)
        except (OSError, Malformed):
            continue


def _state(file: Path) -> object:
    try:
        about = file.stat()
    except OSError:
        return None
    return about.st_ino, about.st_size, about.st_mtime_ns
