"""Names of TSIG keys, and references to keys and secondaries elsewhere in the file.

A reference is checked against what the file names, even if that has errors of its own: so each
error is reported once, at its cause.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from failoverdns.config import scalars as values
from failoverdns.config.document import Node
from failoverdns.config.errors import quoted
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName


def key_name(text: str) -> DomainName:
    """Read the name of a TSIG key, which is a domain name (RFC 8945 section 4.2)."""
    return values.host_name(text)


def name_of_key(text: str) -> DomainName:
    """Read a reference to a key of `tsig_keys`."""
    try:
        return key_name(text)
    except Malformed as error:
        raise Malformed(f"{quoted(text)} cannot be the name of a key: {error}") from None


def known_keys(written: Node) -> frozenset[DomainName]:
    """Return the names of all keys of the file; `written` is the document as it was written."""
    found = set()
    node = written.at("tsig_keys")
    for text in node.entries() if node is not None else ():
        try:
            found.add(key_name(text))
        except Malformed:
            continue
    return frozenset(found)


def known_secondaries(written: Node) -> tuple[str, ...]:
    """Return the names of all secondaries of the file, in its order."""
    node = written.at("secondaries")
    return tuple(node.entries()) if node is not None else ()


def unknown_key(name: DomainName, known: Iterable[DomainName]) -> str:
    """Return the error of a reference to a key that the file does not have."""
    return unknown(str(name), (str(key) for key in known), "a key", "tsig_keys")


def unknown(text: str, known: Iterable[str], what: str, section: str) -> str:
    """Return the error of a name that is not in a section, with the name that may be meant."""
    names = sorted(known)
    close = get_close_matches(text.lower(), names, n=1)
    if close:
        hint = f"did you mean {quoted(close[0])}?"
    elif names:
        hint = f"{section} has {', '.join(names[:5])}" + (", ..." if len(names) > 5 else "")
    else:
        hint = f"there are none; name it in `{section}`"
    return f"{quoted(text)} is not {what} of {section}; {hint}"
