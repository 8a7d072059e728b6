"""The first code of a process of ours: it imports the package that its control process uses.

Python is started with `-P` on this file, and gets the control process's import path and package
folder as arguments.  So both processes run the same code, wherever the server was started, and
nothing is imported from the current folder.  Nothing of failoverdns may be imported here.
"""

from __future__ import annotations

import gc
import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pkgutil import resolve_name


def main() -> int:
    """Import failoverdns from the folder `argv[2]`, with the import path `argv[1]`, and run it.

    The function `argv[3]`, written `module:name`, gets the other arguments and returns the exit
    status.
    """
    _, path, folder, function, *rest = sys.argv
    gc.disable()  # what is imported stays: to look for garbage in it takes a tenth of a start
    sys.path[:] = json.loads(path)
    spec = spec_from_file_location(
        "failoverdns", f"{folder}/__init__.py", submodule_search_locations=[folder]
    )
    assert spec is not None
    assert spec.loader is not None
    package = sys.modules["failoverdns"] = module_from_spec(spec)
    spec.loader.exec_module(package)
    run = resolve_name(function)
    gc.freeze()
    gc.enable()
    status: int = run(*rest)
    return status


if __name__ == "__main__":
    sys.exit(main())
