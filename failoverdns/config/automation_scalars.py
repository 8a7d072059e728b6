"""Single values of checks, policies and safety rules: text in, a value that cannot be wrong out.

As in `config.scalars`, every function raises Malformed with what is wrong and what would be right.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import re2

from failoverdns.config.errors import quoted
from failoverdns.config.scalars import argument, ascii_text, host_name, named, one_of
from failoverdns.model.errors import Malformed
from failoverdns.model.health import CheckKind
from failoverdns.model.policy import AUTOMATION_FLAG

__all__ = ["argument", "one_of"]

KINDS = tuple(kind.value for kind in CheckKind)
MAX_PATTERN = 500
"""Characters of a regular expression."""

_DECIMAL = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?", re.ASCII)
_STATUS = re.compile(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?", re.ASCII)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_GROUP = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?", re.ASCII)
_GROUP_PATTERN = re.compile(r"[A-Za-z0-9._*?-]{1,128}", re.ASCII)


def seconds(low: float, high: float) -> Callable[[object], float]:
    """Return a reader of seconds from `low` to `high`: a whole number, or one with a point."""

    def read(value: object) -> float:
        if (isinstance(value, int) and not isinstance(value, bool)) or (
            isinstance(value, str) and _DECIMAL.fullmatch(value)
        ):
            number = float(value)
        else:
            raise Malformed(f"must be a number of seconds, such as 30 or 0.5, not {named(value)}")
        if not low <= number <= high:
            raise Malformed(f"must be from {low:g} to {high:g} seconds, not {number:g}")
        return number

    return read


def percent(value: object) -> int:
    """Read a part in percent, from 0 to 50."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 50:
        return value
    raise Malformed(f"must be a whole number from 0 to 50 (percent), not {named(value)}")


def statuses(value: object) -> list[tuple[int, int]]:
    """Read status codes of HTTP, and ranges of them such as 200-299."""
    items = value if isinstance(value, list) else [value]
    form = "write status codes and ranges, as in [200-299, 401]"
    found = []
    for item in items:
        parts = _STATUS.fullmatch(str(item)) if isinstance(item, int | str) else None
        if parts is None:
            raise Malformed(f"{named(item)} is not a status of HTTP; {form}")
        low, high = int(parts[1]), int(parts[2] or parts[1])
        if high < low:
            raise Malformed(f"the range {item} is empty; {form}")
        found.append((low, high))
    if not found:
        raise Malformed(f"empty; {form}")
    return found


def http_method(text: str) -> str:
    """Check that `text` is a method of HTTP (RFC 9110 section 9.1)."""
    if not _TOKEN.fullmatch(text) or text != text.upper():
        raise Malformed(f"{quoted(text)} is not a method of HTTP; write GET or HEAD")
    return text


def http_path(text: str) -> str:
    """Check that `text` is the path of an HTTP request, a query included."""
    odd = not text.isascii() or not text.isprintable() or " " in text or "#" in text
    if odd or not text.startswith("/") or len(text) > 2000:
        raise Malformed(f"{quoted(text)} is not a path; write one such as /health?deep=1")
    return text


def body_text(text: str) -> str:
    """Check that `text` can be looked for in a body."""
    if not 1 <= len(text) <= MAX_PATTERN:
        raise Malformed(f"must be 1 to {MAX_PATTERN} characters long, not {len(text)}")
    return text


def pattern(text: str) -> str:
    """Check that `text` is a regular expression that RE2 knows: it takes linear time for any."""
    body_text(text)
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(text, options)
    except re2.error as fault:
        reason = fault.args[0] if fault.args else "it cannot be read"
        told = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        form = "it is read by RE2, which has no look-around and no backreferences"
        raise Malformed(f"{quoted(text)} is not a regular expression: {told}; {form}") from None
    return text


def server_name(text: str) -> str:
    """Read a host name that a certificate is to be valid for."""
    return host_name(ascii_text(text)).to_text()


def name(text: str) -> str:
    """Check that `text` can be the name of a check, a policy or a safety rule."""
    if not _NAME.fullmatch(text):
        raise Malformed("use 1 to 64 letters, digits, '-', '_' or '.'")
    return text


def flag_name(text: str) -> str:
    """Check that `text` can be the name of a flag."""
    if text == AUTOMATION_FLAG:
        raise Malformed("every automatic switch passes that gate anyway; choose another flag")
    return name(text)


def group_name(text: str) -> str:
    """Check that `text` can be the name of a group."""
    if not _GROUP.fullmatch(text):
        raise Malformed(f"{quoted(text)} cannot be the name of a group")
    return text


def group_pattern(text: str) -> str:
    """Check that `text` is the name of a group, or a pattern of names with `*` and `?`."""
    if not _GROUP_PATTERN.fullmatch(text):
        raise Malformed(f"{quoted(text)} is not the name of a group, nor a pattern with * and ?")
    return text
