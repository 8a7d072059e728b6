"""What is wrong with the store, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from failoverdns.cli.rendering.tables import Result
from failoverdns.model.store_condition import LOW_ROOM

_MEBIBYTE: Final = 1 << 20


def store_lines(result: Result) -> Iterator[str]:
    """Yield a line about each thing that is wrong with the store, and what is not recorded."""
    store: Any = result.get("store") or {}
    if store.get("fault"):
        since = f" since {store['since']}" if store["since"] else ""
        yield f"store: the state cannot be written{since}: {store['fault']}"
    if store.get("read_only"):
        yield "store: it is open for reading only"
    if store.get("reserve") == "used":
        yield "store: its reserve is used: make room on its disk"
    free = store.get("free")
    if free is not None and free < LOW_ROOM:
        yield f"store: {free / _MEBIBYTE:.1f} MiB are free on its disk"
    if store.get("unrecorded"):
        yield f"store: {store['unrecorded']} step(s) are not recorded yet"
    for kind in ("group", "application"):
        for each in result.get(f"{kind}s", ()):
            if isinstance(each, dict) and each.get("unrecorded"):
                unrecorded = each["unrecorded"]
                yield (
                    f"{kind} {each['name']}: unrecorded since {unrecorded['since']}: "
                    f"{unrecorded['why']}"
                )
