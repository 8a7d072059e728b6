"""The choice of the table: the compiled one if it was built, else the one in pure Python.

The environment variable FAILOVERDNS_FAST_PATH forces one of them: `compiled` or `python`.
"""

from __future__ import annotations

import os
from importlib.util import find_spec

from failoverdns.protocol.table.python_table import PythonTable
from failoverdns.protocol.table.table import Table

VARIABLE = "FAILOVERDNS_FAST_PATH"


class NotCompiled(ImportError):
    """FAILOVERDNS_FAST_PATH asks for the compiled table, which was not built."""

    def __init__(self) -> None:
        super().__init__(
            f"{VARIABLE} is `compiled`, but the extension failoverdns._native was not built: "
            "install failoverdns again where there is a C compiler and Python's headers"
        )


def fast_path() -> str:
    """Return which table is in use, `compiled` or `pure Python`; raises NotCompiled."""
    asked = os.environ.get(VARIABLE, "")
    if asked == "python":
        return "pure Python"
    if find_spec("failoverdns._native") is not None:
        return "compiled"
    if asked == "compiled":
        raise NotCompiled
    return "pure Python"


def make_table() -> Table:
    """Return an empty table of the kind in use; raises NotCompiled."""
    if fast_path() == "compiled":
        from failoverdns.protocol.table.compiled_table import CompiledTable

        return CompiledTable()
    return PythonTable()
