"""The calls of a control process of version 0.1.0, while a newer version is installed over it.

It starts answering processes from the files on disk, so they have to understand it until it is
replaced.  Deltas have not changed since; one call and one setting had other names.
"""

from __future__ import annotations

from typing import Any

from failoverdns.workers.calls import Call

_AGREE = "agree"


def translated(name: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name and arguments of a call as this version has them."""
    if name != _AGREE:
        return name, arguments
    settings = dict(arguments["agreement"])
    secrets = settings.pop("secrets")
    return Call.CONFIGURE, {"settings": {**settings, "cookies": secrets or None}}
