"""Values of command parameters: JSON values in, typed values out.

Each function takes a JSON value and returns what the command holds, or raises Malformed with what
is wrong and what would be right.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeVar

from failoverdns.model.application import HeadRole, why_no_target
from failoverdns.model.certificate import Secret
from failoverdns.model.change import Json
from failoverdns.model.errors import Malformed
from failoverdns.model.group import APEX_LABEL, Side
from failoverdns.model.health import Health, Quorum
from failoverdns.model.names import (
    CONFIGURED_NAME_FORM,
    GROUP_NAME_FORM,
    DomainName,
    is_configured_name,
    is_group_name,
    is_group_pattern,
    is_label_pattern,
    plain_label,
)
from failoverdns.model.policy import AUTOMATION_FLAG
from failoverdns.model.timestamps import read_timestamp

MAX_TEXT = 1000
"""Characters in a text."""

MAX_PEM = 256 * 1024
"""Characters in a file of certificates, or a key."""

ROLES = tuple(role.value for role in HeadRole)
SIDES = tuple(side.value for side in Side)
ON_OR_OFF = ("on", "off")
UP_OR_DOWN = ("up", "down")
UP_DOWN_OR_NONE = ("up", "down", "none")

MAX_REVISION = 2**63 - 1

MAX_QUORUM = 1000

_DIGITS = re.compile(r"[0-9]{1,4}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)

T = TypeVar("T")
Parse = Callable[[Json], T]
"""Turns a JSON value into the value that the command takes; raises Malformed."""


def kind(value: Json) -> str:
    """Return in words what kind of JSON value this is."""
    names = {bool: "a boolean", int: "a number", float: "a fraction", str: "a string"}
    return names.get(type(value), "a list" if isinstance(value, list) else "an object")


def text(value: Json) -> str:
    """Return a printable text; raises Malformed."""
    if not isinstance(value, str):
        raise Malformed(f"must be a string, not {kind(value)}")
    if len(value) > MAX_TEXT:
        raise Malformed(f"is {len(value)} characters long; at most {MAX_TEXT} are allowed")
    if not value.isprintable():
        raise Malformed("has characters that cannot be printed")
    return value


def pem(value: Json) -> str:
    """Return PEM text; raises Malformed, which never quotes it: it may be a private key."""
    if not isinstance(value, str):
        raise Malformed(f"must be a string, not {kind(value)}")
    if len(value) > MAX_PEM:
        raise Malformed(f"is {len(value)} characters long; at most {MAX_PEM} are allowed")
    if "-----BEGIN " not in value:
        raise Malformed(
            "must be PEM text, with a line that begins with -----BEGIN; `openssl x509 -inform der`,"
            " `openssl pkey -inform der` and `openssl pkcs12 -nodes` make it of other files; over "
            "the socket that is the text itself, the command line takes a file and reads it"
        )
    return value


def secret(value: Json) -> Secret:
    """Return PEM text that must never be shown; raises Malformed."""
    return Secret(pem(value))


def certificate_name(value: Json) -> str:
    """Return a name that may stand in a certificate, in lower case; raises Malformed."""
    given = text(value).lower().removesuffix(".")
    base = DomainName.from_text(given.removeprefix("*."))
    for part in base.labels():
        plain_label(part.decode("latin-1"), "its part")
    return given


def application(value: Json) -> str:
    """Return the name of an application, one DNS label in lower case; raises Malformed."""
    return plain_label(text(value), "application")


def application_or_nothing(value: Json) -> str:
    """Return the name of an application, or an empty text as it is; raises Malformed."""
    return application(value) if value != "" else ""


def head(value: Json) -> str:
    """Return the name of a head, one DNS label in lower case; raises Malformed."""
    return plain_label(text(value), "head")


def label(value: Json) -> str:
    """Return a label in lower case, or `@` for the origin of a zone; raises Malformed."""
    given = text(value)
    if given == APEX_LABEL:
        return given
    if "." in given:
        raise Malformed(
            f"label {given!r} has a dot: give one label, which the name of the zone follows, or "
            f"{APEX_LABEL!r} for the zone itself"
        )
    return plain_label(given, "label")


def group(value: Json) -> str:
    """Return the name of a group; raises Malformed."""
    given = text(value)
    if not is_group_name(given):
        raise Malformed(f"group {given!r} must be {GROUP_NAME_FORM}")
    return given


def group_pattern(value: Json) -> str:
    """Return a pattern of names of groups; raises Malformed."""
    given = text(value)
    if not is_group_pattern(given):
        raise Malformed(f'{given!r} cannot match a group; write one such as "shop-*"')
    return given


def zone(value: Json) -> DomainName:
    """Return the origin of a zone; raises Malformed."""
    given = text(value)
    try:
        return DomainName.from_text(given)
    except Malformed as fault:
        raise Malformed(f"{given!r} is not a domain name: {fault}") from None


def address(value: Json) -> IPv4Address | IPv6Address:
    """Return the IP address of a host; raises Malformed."""
    given = text(value)
    try:
        parsed = ip_address(given)
    except ValueError:
        raise Malformed(f"{given!r} is not an IPv4 or IPv6 address") from None
    if isinstance(parsed, IPv6Address) and parsed.scope_id is not None:
        raise Malformed(f"{given!r} has a zone index, which DNS cannot carry")
    if (why := why_no_target(parsed)) is not None:
        raise Malformed(f"{given!r} is {why}")
    return parsed


def flag(value: Json) -> bool:
    """Return a boolean; raises Malformed."""
    if not isinstance(value, bool):
        raise Malformed(f"must be true or false, not {kind(value)}")
    return value


def number(low: int, high: int, unit: str) -> Parse[int]:
    """Return a parser of whole numbers from `low` to `high`; `unit` is for its messages."""

    def parse(value: Json) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            what = f"a whole number of{unit}" if unit else "a whole number"
            raise Malformed(f"must be {what}, not {kind(value)}")
        if not low <= value <= high:
            raise Malformed(f"{value}: must be from {low} to {high}{unit}")
        return value

    return parse


def sha256(value: Json) -> str:
    """Return a SHA-256 in hex digits, in lower case; raises Malformed."""
    given = text(value).lower()
    if not _SHA256.fullmatch(given):
        raise Malformed(f"{given!r} is not a SHA-256 of 64 hex digits")
    return given


def choice(*values: str) -> Parse[str]:
    """Return a parser of one of `values`."""

    def parse(value: Json) -> str:
        if value not in values:
            given = kind(value) if not isinstance(value, str) else repr(value[:MAX_TEXT])
            raise Malformed(f"must be {' or '.join(map(repr, values))}, not {given}")
        return str(value)

    return parse


def role(value: Json) -> HeadRole:
    """Return the role of a head; raises Malformed."""
    return HeadRole(choice(*ROLES)(value))


def side(value: Json) -> Side:
    """Return a side of a group; raises Malformed."""
    return Side(choice(*SIDES)(value))


def time(value: Json) -> float:
    """Return seconds since 1970 for a time with its zone (RFC 3339); raises Malformed.

    Only years that can be written again in any time zone.
    """
    return read_timestamp(text(value))


def configured_name(value: Json) -> str:
    """Return the name of a check or policy; raises Malformed."""
    given = text(value)
    if not is_configured_name(given):
        raise Malformed(f"{given!r} must be {CONFIGURED_NAME_FORM}")
    return given


def configured_name_or_nothing(value: Json) -> str:
    """Return the name of a check or policy, or an empty text as it is; raises Malformed."""
    return configured_name(value) if value != "" else ""


def flag_name(value: Json) -> str:
    """Return the name of a flag; raises Malformed."""
    given = configured_name(value)
    if given == AUTOMATION_FLAG:
        raise Malformed("this flag has its own commands: `automation freeze` and `automation thaw`")
    return given


def quorum(value: Json) -> Quorum:
    """Return `any`, `all` or a number from 1 on; raises Malformed."""
    if value == "any":
        return "any"
    if value == "all":
        return "all"
    number_ = int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value
    if isinstance(number_, int) and not isinstance(number_, bool) and 1 <= number_ <= MAX_QUORUM:
        return number_
    raise Malformed(f"must be any, all or a number from 1 to {MAX_QUORUM}")


def on_or_off(value: Json) -> bool:
    """Return True for `on` and False for `off`; raises Malformed."""
    return choice(*ON_OR_OFF)(value) == "on"


def forced_health(value: Json) -> Health:
    """Return the health to force: UP, DOWN, or UNKNOWN for `none`; raises Malformed."""
    word = choice(*UP_DOWN_OR_NONE)(value)
    return Health.UNKNOWN if word == "none" else Health(word)


def reported_health(value: Json) -> Health:
    """Return UP or DOWN; raises Malformed."""
    return Health(choice(*UP_OR_DOWN)(value))


def exact_target(value: Json) -> tuple[str, str | None]:
    """Return the names of `APPLICATION[/HEAD]`; raises Malformed."""
    name, slash, head_ = text(value).partition("/")
    return application(name), head(head_) if slash else None


def health_target(value: Json) -> tuple[str, str | None]:
    """Return the patterns of `APPLICATION[/HEAD]` in lower case; raises Malformed."""
    name, slash, head_ = text(value).lower().partition("/")
    for part in (name, head_) if slash else (name,):
        if not is_label_pattern(part):
            raise Malformed(
                f"{part!r} must be a name, or a pattern of names with * and ?: write "
                "APPLICATION or APPLICATION/HEAD"
            )
    return name, head_ if slash else None
