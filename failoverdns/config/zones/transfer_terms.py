"""How secondaries get a zone: which of them transfer it, and the SOA timers that they follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from failoverdns.config.document import Node, refuse_repeated
from failoverdns.config.errors import FaultReport
from failoverdns.config.names_of_keys import unknown
from failoverdns.config.sections import SOASection
from failoverdns.model.zone import TIMERS_OF_TRANSFERRED, SOATimers

SHORT_EXPIRE: Final = 86400
"""Seconds that secondaries should answer for at least while the primary is away."""


def zone_secondaries(
    node: Node | None,
    given: Sequence[str] | None,
    known: tuple[str, ...],
    faults: FaultReport,
) -> tuple[str, ...]:
    """Return the names of the secondaries of a zone: those that are given, or all that are known.

    `node` is the value of the key `secondaries`; unknown and repeated names are reported.
    """
    if given is None:
        return known
    refuse_repeated(given, node, "secondary", faults)
    for index, name in enumerate(given):
        item = node.at(index) if node is not None else None
        if name not in known and item is not None:
            faults.add(item.place, unknown(name, known, "a name server", "secondaries"))
    return tuple(dict.fromkeys(given))


def soa_timers(
    given: SOASection, node: Node | None, faults: FaultReport, *, is_transferred: bool
) -> SOATimers:
    """Return the SOA timers; warn of those with which secondaries would not work well.

    `node` is the value of the key `soa`, that `given` was made of; without a timer in it the
    default is that of zones with secondaries, or of others.
    """
    defaults = TIMERS_OF_TRANSFERRED if is_transferred else SOATimers()
    timers = SOATimers(
        *(
            getattr(given if node is not None and node.at(key) is not None else defaults, key)
            for key in ("refresh", "retry", "expire")
        )
    )
    if node is not None:
        _warn_of_timers(timers, node, faults, is_transferred=is_transferred)
    return timers


def _warn_of_timers(
    timers: SOATimers, node: Node, faults: FaultReport, *, is_transferred: bool
) -> None:
    if timers.retry >= timers.refresh:
        faults.warn(
            (node.at("retry") or node).place,
            f"retry is {timers.retry}, which is not below refresh, {timers.refresh}: after a "
            "failure secondaries would wait as long as ever (RFC 1912 section 2.2)",
        )
    if timers.expire <= (least := timers.refresh + timers.retry):
        faults.warn(
            (node.at("expire") or node).place,
            f"expire is {timers.expire}, which is not above refresh + retry, {least}: secondaries "
            "would drop the zone after the first failure (RFC 1912 section 2.2)",
        )
    elif is_transferred and timers.expire < SHORT_EXPIRE:
        faults.warn(
            (node.at("expire") or node).place,
            f"expire is {timers.expire}: secondaries that cannot reach this server for that long "
            f"answer no more; write at least {SHORT_EXPIRE}, a day",
        )
