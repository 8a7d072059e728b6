"""Files with secrets: a file that every user of the machine can open keeps no secret."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from failoverdns.model.errors import Malformed
from failoverdns.regular_files import open_regular


def read_secret(path: Path, limit: int) -> bytes:
    """Return the content of a file with a secret, of at most `limit` bytes.

    Its owner and its group may read it.  Raises OSError, and Malformed with the remedy if others
    may open it, or if it is larger, or not a regular file.
    """
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_mode & stat.S_IRWXO:
            raise Malformed(f"every user of the machine can open it; `chmod o= {path}`")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise Malformed(f"larger than {limit} bytes; is this a file with a secret?")
    return content
