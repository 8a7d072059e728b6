"""Waiting after a command: for an issued certificate, or for clients to leave the old side.

The server continues its work even if the wait is interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from failoverdns.model.timestamps import read_timestamp

Show = Callable[[], dict[str, Any]]

PROGRESS: Final[Mapping[str, str]] = {
    "new": "being ordered at the CA",
    "placed": "being ordered at the CA",
    "being validated": "being validated by the CA",
}
"""What the states of an order mean to people; other states are words for people already."""


class NotIssued(Exception):
    """The certificate was not issued; the message gives the reason and the remedy."""


def until_issued(
    requested: dict[str, Any], show: Show, pause: Callable[[], bool]
) -> Iterator[dict[str, Any]]:
    """Yield what `show` reports at each new step of the order, and at last the certificate.

    `requested` is the result of `certificate request`; `show` returns that of `certificate show`;
    `pause` waits a moment, and returns False when the time to wait is over.
    Raises NotIssued.
    """
    if requested.get("order") is None:  # the present certificate is not due for renewal
        yield requested
        return
    order = requested["order"]
    failures, before = order.get("failures", 0), requested.get("fingerprint")
    said: set[str] = set()
    while True:
        report = show()
        now = report.get("order") or {}
        if now.get("id") != order.get("id"):
            if report.get("kind") != "acme" or report.get("fingerprint") == before:
                raise NotIssued(
                    "the application no longer has this order: it was dropped, or a switch moved "
                    "it; see `failoverdns certificate list`"
                )
            yield report
            return
        if now.get("failures", 0) > failures:
            raise NotIssued(f"{now['problem']}\nthe next try is at {now['retry_at']}")
        words = progress(report)
        if words not in said:
            said.add(words)
            yield report
        if not pause():
            raise NotIssued(
                "not issued yet; the server keeps trying: see `failoverdns certificate show`"
            )


def progress(report: dict[str, Any]) -> str:
    """Return in words how far the order in a report of `certificate show` is."""
    order = report["order"]
    state = str(order.get("state"))
    if state == "failed" and order.get("retry_at"):
        return f"waiting until {order['retry_at']}, because the attempt before failed"
    return PROGRESS.get(state, state)


REPORT_EVERY = 10.0
"""Seconds between two lines about the time left."""


def until_drained(
    switched: dict[str, Any], now: Callable[[], float], sleep: Callable[[float], None]
) -> Iterator[str]:
    """Yield lines while clients leave the old sides, and one when the last of them has left.

    `switched` is the result of `switch`; `now` returns seconds since 1970.
    """
    groups = switched.get("groups", [])
    times = [g["drained_at"] for g in groups if g.get("changed") and g.get("drained_at")]
    if not times or switched.get("dry_run"):
        return
    last = max(map(read_timestamp, times))
    while (left := last - now()) > 0:
        yield f"clients may still be on the old side for {left:.0f} s ..."
        sleep(min(left, REPORT_EVERY))
    yield "drained: every client that honours the TTL is on the new side"
