"""The first code of an answering process: it imports the package that its control process uses.

Python is started with `-P` on this file, and gets the control process's import path and package
folder as arguments.  So both processes run the same code, wherever the server was started, and
nothing is imported from the current folder.  Nothing of failoverdns may be imported at the top.
"""

from __future__ import annotations

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location


def main() -> int:
    """Import failoverdns from the folder `argv[2]`, with the import path `argv[1]`, and answer."""
    _, path, folder, *rest = sys.argv
    sys.path[:] = json.loads(path)
    spec = spec_from_file_location(
        "failoverdns", f"{folder}/__init__.py", submodule_search_locations=[folder]
    )
    assert spec is not None
    assert spec.loader is not None
    package = sys.modules["failoverdns"] = module_from_spec(spec)
    spec.loader.exec_module(package)
    from failoverdns.workers.child import answer

    return answer(*rest)


if __name__ == "__main__":
    sys.exit(main())
