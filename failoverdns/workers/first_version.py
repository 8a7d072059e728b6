"""The calls of a control process of version 0.1.0, while a newer version is installed over it.

It starts answering processes from the files on disk, so they have to understand it until it is
replaced.  Deltas have not changed since; one call and one setting had other names, and two rates
of the rate limit did not exist.
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
    limits = settings["rate_limit"]
    if limits is not None:
        rate = limits["responses_per_second"]
        added = {"nodata_per_second": rate, "referrals_per_second": rate}
        settings["rate_limit"] = {**limits, **added}
    return Call.CONFIGURE, {"settings": {**settings, "cookies": secrets or None}}
