"""Files at paths that a configuration or a user names, opened without waiting for anybody.

Opening a pipe waits for its other end, reading a device may never end, and the server is a single
loop that would wait with it.  So only regular files are opened.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from failoverdns.model.errors import Malformed


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading, at once; raises OSError, and Malformed for another kind."""
    file = open(path, "rb", opener=_open)  # noqa: SIM115
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise Malformed("not a regular file")


def require_regular(path: Path) -> None:
    """Raise OSError or Malformed unless `path` can be read; for libraries that open it."""
    open_regular(path).close()


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
