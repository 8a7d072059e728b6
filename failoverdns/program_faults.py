"""Why a program cannot be run, in words that lead to the mistake.

The kernel's error is about the first thing that it misses: it reports a script as missing when the
interpreter in the script's first line is, and that is so when the line ends in CR, because the file
has the line ends of Windows.  Probes and hooks both run programs that operators wrote.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path
from typing import Final

from failoverdns.model.errors import Malformed
from failoverdns.model.printable import printable
from failoverdns.regular_files import open_regular

_FIRST_LINE: Final = 256
"""Bytes of a script's first line that the kernel reads."""

_NOT_FOUND: Final = (126, 127)
"""Exit statuses of `env`: the program cannot be run, or was not found (POSIX)."""

_TAKE_CR: Final = (b"perl", b"ruby")
"""Interpreters that take a CR at the end of their options for a blank."""


def cannot_run(program: str, fault: OSError) -> str:
    """Return why `program` (an absolute path) cannot be run, from the error of starting it."""
    why = _of_file(program, fault) or fault.strerror or os.strerror(fault.errno or 0)
    return f"{program} cannot be run: {why}"


def will_not_run(program: str) -> str | None:
    """Return why `program` (an absolute path) can be run by nobody on this machine, or None.

    It is not started: this is what its file shows.  Who may run it is not checked, because another
    user than the caller will.
    """
    try:
        about = os.stat(program)
    except FileNotFoundError:
        return f"{program} cannot be run: there is no such file"
    except OSError:
        return None  # another user may see it
    why = None
    if not stat.S_ISREG(about.st_mode):
        why = _KINDS.get(stat.S_IFMT(about.st_mode), "it is not a regular file")
    elif not about.st_mode & 0o111:
        why = _NOT_EXECUTABLE
    elif (interpreter := _interpreter(program)) is not None and not _takes_cr(interpreter):
        why = _of_interpreter(interpreter)
    return f"{program} cannot be run: {why}" if why is not None else None


def was_not_run(program: str, status: int, search_path: str) -> str | None:
    """Return why a script was not run, though its interpreter was; None if it may have been.

    `status` is its exit status, `search_path` the PATH with which it was started.  The interpreter
    cannot read its options where these end in CR.  `#!/usr/bin/env NAME` ends with 126 or 127 if
    there is no such program.
    """
    interpreter = _interpreter(program) if status > 0 else None
    if interpreter is None:
        return None
    path, _, rest = interpreter.partition(b" ")
    name = os.path.basename(path)
    if interpreter.endswith(b"\r") and not _takes_cr(interpreter):
        return f"{program} cannot be run: {_LINE_ENDS}"
    if name != b"env" or status not in _NOT_FOUND:
        return None
    words = os.fsdecode(rest).removeprefix("-S").split()
    if not words or "=" in words[0] or words[0].startswith("-"):
        return None
    if shutil.which(words[0], path=search_path) is not None:
        return None
    return (
        f"{program} cannot be run: its first line asks for {printable(words[0])!r}, which is not "
        f"in PATH ({search_path})"
    )


def _takes_cr(interpreter: bytes) -> bool:
    """Return whether an interpreter takes a CR at the end of the first line for a blank."""
    path, _, options = interpreter.partition(b" ")
    name = os.path.basename(path)
    return bool(options) and (
        name in _TAKE_CR or (name == b"env" and options.startswith(b"-S"))  # splits at blanks
    )


_NOT_EXECUTABLE: Final = "it is not executable for this user; allow it with `chmod +x`"
_KINDS: Final = {stat.S_IFDIR: "it is a folder"}
_LINE_ENDS: Final = (
    "its first line ends in CR, because the file has the line ends of Windows (CRLF); "
    "remove them, as with `dos2unix` or `sed -i 's/\\r$//'`"
)


def _of_file(program: str, fault: OSError) -> str | None:
    """Return a reason that can be seen at the file; None if there is none."""
    try:
        about = os.stat(program)
    except OSError:
        return _of_folders(program) if fault.errno == errno.EACCES else None
    if not stat.S_ISREG(about.st_mode):
        return _KINDS.get(stat.S_IFMT(about.st_mode), "it is not a regular file")
    if not os.access(program, os.X_OK, effective_ids=True):
        return _NOT_EXECUTABLE
    if os.statvfs(program).f_flag & os.ST_NOEXEC:
        return "it is on a file system that is mounted with noexec"
    interpreter = _interpreter(program)
    if interpreter is not None:
        return _of_interpreter(interpreter)
    if fault.errno == errno.ENOENT:
        return "the loader or interpreter that it needs is not on this machine"
    if fault.errno == errno.ENOEXEC:
        return _of_content(program)
    return None


def _of_interpreter(interpreter: bytes) -> str | None:
    if interpreter.endswith(b"\r"):
        return _LINE_ENDS
    name = os.fsdecode(interpreter.split(b" ", 1)[0])
    shown = repr(printable(name))
    if not name:
        return "its first line is #! without an interpreter"
    if not os.path.exists(name):
        return f"the interpreter in its first line, {shown}, does not exist"
    if not os.access(name, os.X_OK, effective_ids=True) or os.path.isdir(name):
        return f"the interpreter in its first line, {shown}, is not executable"
    return None


def _of_content(program: str) -> str:
    start = _start(program)
    if not start:
        return "it is empty"
    if start.startswith(b"\xef\xbb\xbf#!"):
        return "there is a byte order mark (BOM) before the #! of its first line; remove it"
    if start.startswith(b"\x7fELF"):
        return "it is made for another kind of machine"
    return "it is no program, and no script that begins with #!, such as #!/bin/sh"


def _of_folders(program: str) -> str | None:
    """Return which folder on the way to a program this user may not enter."""
    for folder in reversed(Path(program).parents):
        if folder.exists() and not os.access(folder, os.X_OK, effective_ids=True):
            return f"this user may not enter the folder {folder}"
    return None


def _interpreter(program: str) -> bytes | None:
    """Return what follows #! in the first line of a script; None for another file."""
    start = _start(program)
    if not start.startswith(b"#!"):
        return None
    return start[2:].split(b"\n", 1)[0].lstrip(b" \t").rstrip(b" \t")


def _start(program: str) -> bytes:
    try:
        with open_regular(Path(program)) as file:
            return file.read(_FIRST_LINE)
    except (OSError, Malformed):
        return b""
