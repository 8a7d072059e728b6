"""Run the `failoverdns` command, installed or with `python -m failoverdns`.

Nothing but this package is imported from the folder in which the command was started: `python -m`
and an empty entry of PYTHONPATH put that folder on the import path, where anybody who can write to
it could replace a library.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Take the current folder off the import path unless it was named, and run the command."""
    sys.path[:] = safe_path(sys.path, os.environ.get("PYTHONPATH", ""), _current_folder())
    from failoverdns.cli.main import main as run

    run()


def safe_path(path: list[str], named: str, current: str) -> list[str]:
    """Return an import path without relative entries, and without the current folder.

    A current folder that PYTHONPATH (`named`) has as an absolute path stays.
    """
    kept = current in named.split(os.pathsep)
    return [entry for entry in path if os.path.isabs(entry) and (kept or entry != current)]


def _current_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""


if __name__ == "__main__":
    main()
