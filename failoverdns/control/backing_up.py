"""`backup`: a copy of the state, written to a file that the client opened.

The server neither reads nor writes a file that a client names: it gets the open file itself.
"""

from __future__ import annotations

from failoverdns.control.given_file import GivenFile
from failoverdns.control.language.requests import Result
from failoverdns.model.errors import Corrupt, Rejected
from failoverdns.store.interface import Store, Unavailable

_NO_FILE = Rejected(
    "invalid",
    "no file was given: use `failoverdns backup FILE`, which opens the file and passes its "
    "descriptor over the control socket (SCM_RIGHTS), together with the request",
)


async def back_up(store: Store, file: GivenFile | None) -> Result:
    """Copy the state to a file, and close that; return the revision, hash and size of the copy.

    Raises Rejected: `invalid` if there is no file to write to, `unavailable` if the copy failed.
    """
    if file is None:
        raise _NO_FILE
    try:
        file.check()
        copied = await store.copy(file.descriptor, lambda: file.is_wanted)
    except (Unavailable, Corrupt) as fault:
        raise Rejected("unavailable", f"no copy was made: {fault}") from None
    except OSError as fault:
        text = f"no copy was made: the file cannot be written: {fault.strerror or fault}"
        raise Rejected("unavailable", text) from None
    finally:
        file.close()
    return {"revision": copied.revision, "hash": copied.hash, "bytes": copied.size}
