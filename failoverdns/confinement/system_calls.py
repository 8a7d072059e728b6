"""System calls that Python has no function for, as functions that raise OSError."""

from __future__ import annotations

import ctypes
import os
from typing import Final

_LIBRARY: Final = ctypes.CDLL(None, use_errno=True)
_LIBRARY.syscall.restype = ctypes.c_long

_WORD: Final = ctypes.c_ulong


def prctl(option: int, *arguments: int) -> int:
    """Call prctl(2) and return its result; raises OSError."""
    words = [_WORD(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]]
    return _checked(_LIBRARY.prctl(ctypes.c_int(option), *words))


def system_call(number: int, *arguments: int | ctypes.Array[ctypes.c_char] | None) -> int:
    """Call a system call by its number and return its result; raises OSError.

    Numbers are passed as they are, and buffers and None as addresses.
    """
    words = [_WORD(one) if isinstance(one, int) else one for one in arguments]
    return _checked(_LIBRARY.syscall(ctypes.c_long(number), *words))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
