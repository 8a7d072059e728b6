"""A file that a client opened and gave to the server, which writes to it and knows no name of it.

The descriptor arrives over the control socket with the request that it is for.  It is closed as
soon as nothing uses it; while another thread writes to it, `abandon` asks that thread to end.
"""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import suppress

from failoverdns.model.errors import Rejected


class GivenFile:
    """An open file of a client; it is closed exactly once."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self.descriptor = descriptor
        self.is_wanted = True
        """False when the client is gone; a thread that writes to the file may ask."""
        self._is_open = True

    def check(self) -> None:
        """Raise Rejected `invalid` if this is not an empty regular file, open for writing."""
        try:
            found = os.fstat(self.descriptor)
            mode = fcntl.fcntl(self.descriptor, fcntl.F_GETFL) & os.O_ACCMODE
        except OSError as fault:
            raise Rejected("invalid", f"the given file cannot be used: {fault}") from None
        if not stat.S_ISREG(found.st_mode) or found.st_size or mode == os.O_RDONLY:
            text = "the given descriptor is not an empty regular file, open for writing"
            raise Rejected("invalid", text)

    def abandon(self) -> None:
        """Note that the client is gone."""
        self.is_wanted = False

    def close(self) -> None:
        """Close the file; nothing writes to it any more."""
        if self._is_open:
            self._is_open = False
            with suppress(OSError):
                os.close(self.descriptor)
