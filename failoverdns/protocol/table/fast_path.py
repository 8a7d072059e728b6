"""Which table answers: the compiled one where there is one, else the one in pure Python.

The environment variable FAILOVERDNS_FAST_PATH, `compiled` or `python`, leaves no choice.
"""

from __future__ import annotations

import os
from importlib.util import find_spec

from failoverdns.protocol.table.python_table import PythonTable
from failoverdns.protocol.table.table import Table

VARIABLE = "FAILOVERDNS_FAST_PATH"


class NotCompiled(ImportError):
    """The compiled fast path was asked for, and was not built."""

    def __init__(self) -> None:
        super().__init__(
            f"{VARIABLE} is `compiled`, but the extension failoverdns._native was not built: "
            "install failoverdns again where there is a C compiler and Python's headers"
        )


def fast_path() -> str:
    """Tell which table is in use: `compiled` or `pure Python`; raises NotCompiled."""
    asked = os.environ.get(VARIABLE, "")
    if asked == "python":
        return "pure Python"
    if find_spec("failoverdns._native") is not None:
        return "compiled"
    if asked == "compiled":
        raise NotCompiled
    return "pure Python"


def make_table() -> Table:
    """Return an empty table; raises NotCompiled."""
    if fast_path() == "compiled":
        from failoverdns.protocol.table.compiled_table import CompiledTable

        return CompiledTable()
    return PythonTable()
