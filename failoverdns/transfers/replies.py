"""What the reply of a secondary means, in words that a person can act on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from failoverdns.model.numbers import Rcode

BADSIG: Final = 16
BADKEY: Final = 17
BADTIME: Final = 18
"""Errors in TSIG records (RFC 8945 section 3)."""

_KNOWN: Final = frozenset(map(int, Rcode))

_RCODES: Final[Mapping[int, str]] = {
    Rcode.FORMERR: "it cannot read the message",
    Rcode.SERVFAIL: "it cannot serve the zone now; see its log",
    Rcode.NXDOMAIN: "it does not know the zone",
    Rcode.NOTIMP: "it does not take such messages",
    Rcode.REFUSED: "it does not serve the zone, or does not let this server ask",
    Rcode.NOTAUTH: "it does not know the zone, or does not follow this server",
}


def in_words(message: str, rcode: int) -> str:
    """Return the problem that a reply with an rcode other than NOERROR shows.

    `message` names what was sent: `NOTIFY` or `SOA`.
    """
    name = Rcode(rcode).name if rcode in _KNOWN else f"rcode {rcode}"
    why = _RCODES.get(rcode)
    return f"answers {name} to {message}" + (f": {why}" if why else "")


def unverified(message: str, rcode: int | None, error: int | None, key: str, apart: float) -> str:
    """Return the problem that a reply shows whose signature is missing or wrong.

    `rcode` is that of the reply, None if it cannot be read; `error` is that of its TSIG record,
    None if it has none.  `apart` are the seconds by which its clock is ahead of ours.
    """
    if error == BADKEY:
        return (
            f"answers BADKEY to {message}: it does not know the key {key}, "
            f"or does not accept {message} with it from this address"
        )
    if error == BADSIG:
        return f"answers BADSIG to {message}: the secret of the key {key} is another one there"
    if error == BADTIME:
        side = "ahead" if apart > 0 else "behind"
        return f"answers BADTIME to {message}: its clock is {abs(apart):.0f} s {side}"
    if error:
        return f"answers TSIG error {error} to {message}"
    if rcode:
        return f"{in_words(message, rcode)} (the reply is not signed)"
    return f"sends a reply to {message} that is not signed with the key {key}"
