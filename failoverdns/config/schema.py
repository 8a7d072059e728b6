"""The document becomes sections, and pydantic's errors become errors that operators understand.

All errors in keys and single values are found in one run.  Checks of several values together
follow in the module of each section.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from pydantic import ValidationError

from failoverdns.config import habits
from failoverdns.config import scalars as values
from failoverdns.config.certificates import TERMS
from failoverdns.config.document import Location, Node, Refused
from failoverdns.config.errors import FaultReport, quoted
from failoverdns.config.scalars import named
from failoverdns.config.section import Section
from failoverdns.config.sections import ConfigFile
from failoverdns.model.health import CheckKind
from failoverdns.model.roles import ROLE_WORDS


def check_shape(document: Node, faults: FaultReport) -> tuple[ConfigFile, Node]:
    """Validate `document`; report every error in `faults`.

    Returns the sections, and the document that they were made of: invalid values are left out, and
    the sections have defaults in their place, so that the rest can still be checked.
    """
    nothing = ConfigFile(), Node(document.place, document.key, {})
    if document.value is None:
        faults.add(document.place, "empty; at least the keys zones and listen are needed")
    if document.value is None or document.value is Refused.REFUSED:
        return nothing
    if (foreign := _why_foreign(document.value)) is not None:
        faults.replace(document.place, foreign)
        return nothing
    _require_keys(document, faults)
    usable = document.usable()
    try:
        return ConfigFile.model_validate(usable.plain()), usable
    except ValidationError as error:
        wrong: set[Location] = set()
        for fault in error.errors(include_url=False):
            wrong.add(fault["loc"])
            _explain(fault["loc"], dict(fault), usable, faults)
    if () in wrong:
        return nothing
    # The sections have a default for every key, so the rest is valid.
    usable = usable.usable(wrong)
    return ConfigFile.model_validate(usable.plain()), usable


def _why_foreign(value: object) -> str | None:
    """Return why a file is not a configuration at all, None if it is one, with whatever errors.

    Nothing of another file is quoted: its reader may be allowed to run this as root, and no more.
    """
    if not isinstance(value, dict):
        kind = "a list" if isinstance(value, list) else "a single value"
        return f"must be a mapping of keys to values, not {kind}"
    known = ConfigFile.written_keys()
    if value and not value.keys() & known:
        hints = dict.fromkeys(filter(None, (habits.of_key((), key) for key in value)))
        missing = f"not a configuration: it has none of the keys {', '.join(known)}"
        return "; ".join((missing, *hints))
    return None


@dataclass(frozen=True, slots=True)
class _Need:
    """A key that a section must have, and the hint for the error if it is missing.

    `section` leads to the section; an empty step stands for every entry of a mapping or list.
    `filled` is the type of a value that must not be empty.
    """

    section: tuple[str, ...]
    key: str
    filled: type | None
    remedy: str


_NEEDS = (
    _Need((), "zones", dict, 'give at least one zone, such as "failover.example"'),
    _Need((), "listen", list, 'give at least one address, such as "0.0.0.0:53"'),
    _Need(("zones", ""), "nameservers", dict, 'name at least one, such as "ns1: [192.0.2.53]"'),
    _Need(("delivery",), "listen", list, 'give at least one address, such as "192.0.2.53:8443"'),
    _Need(("delivery",), "certificate", None, "give the path of the server's own chain, PEM"),
    _Need(("delivery",), "key", None, "give the path of the server's own private key, PEM"),
    _Need(
        ("delivery",),
        "client_ca",
        None,
        "give the path of the CA that signs client certificates, PEM",
    ),
    _Need(("delivery",), "clients", None, 'name them, as in "web1.internal: [shop-eu]"'),
    _Need(("hooks", ""), "run", list, "give the path of a program, as in [/usr/local/bin/program]"),
    _Need(
        ("acme",), "directory", None, "write letsencrypt, letsencrypt-staging or an https:// URL"
    ),
    _Need(("checks", ""), "type", None, f"write {', '.join(kind.value for kind in CheckKind)}"),
    _Need(("safety_rules", "", "assert"), "groups", list, "name at least one group"),
    _Need(("acme",), "accept_terms", None, f"write true: {TERMS}"),
    _Need(
        ("tsig_keys", ""),
        "secret_file",
        None,
        "give the path of a file with the secret, as `failoverdns tsig-key` or tsig-keygen make it",
    ),
    _Need(
        ("secondaries", ""),
        "address",
        None,
        'give the address of the name server, such as "198.51.100.53:53"',
    ),
    _Need(("secondaries", ""), "key", None, "name one of tsig_keys"),
    _Need(("zones", "", "updates", ""), "key", None, "name one of tsig_keys"),
    _Need(("tls",), "listen", list, 'give at least one address, such as "0.0.0.0:853"'),
    _Need(("tls",), "certificate", None, "give the path of the server's own chain, PEM"),
    _Need(("tls",), "key", None, "give the path of the server's own private key, PEM"),
    _Need(("http",), "listen", list, 'give at least one address, such as "127.0.0.1:8053"'),
    _Need(("querylog",), "file", None, "give the path of the file that queries are logged to"),
    _Need(("control", "roles", ""), "role", None, f"write {', '.join(ROLE_WORDS)}"),
    _Need(("acme", "external_account"), "key_id", None, "the CA gives it to you"),
    _Need(
        ("acme", "external_account"),
        "hmac_key_file",
        None,
        "give the path of a file with the key that the CA gave you, as base64url text",
    ),
)


def _require_keys(document: Node, faults: FaultReport) -> None:
    """Report keys that are missing or empty; the sections themselves have defaults for all."""
    for need in _NEEDS:
        for section in _sections(document, need.section):
            _require(section, need, faults)


def _sections(node: Node, steps: tuple[str, ...]) -> Iterator[Node]:
    """Yield the mappings that `steps` lead to, as in `_Need`."""
    if isinstance(node.value, list) and steps[:1] == ("",):
        for item in node.value:
            yield from _sections(item, steps[1:])
    if not isinstance(node.value, dict):
        return
    if not steps:
        yield node
        return
    for key, entry in node.value.items():
        if steps[0] in ("", key):
            yield from _sections(entry, steps[1:])


def _require(section: Node, need: _Need, faults: FaultReport) -> None:
    node = section.at(need.key)
    if node is None:
        faults.add(section.place.of_key(need.key), f"missing; {need.remedy}")
    elif need.filled is not None and isinstance(node.value, need.filled) and not node.value:
        faults.add(node.place, f"empty; {need.remedy}")


def _explain(
    location: Location, fault: dict[str, Any], document: Node, faults: FaultReport
) -> None:
    node = document.at(*location)
    assert node is not None, location
    value, context = fault["input"], fault.get("ctx", {})
    match fault["type"]:
        case "extra_forbidden":
            faults.add(node.key, _unknown_key(location))
        case "value_error":
            faults.add(node.place, str(context["error"]))
        case "int_type":
            hint = habits.whole_number(str(location[-1]), value)
            faults.add(node.place, f"must be a whole number, not {named(value)}{hint}")
        case "less_than_equal":
            faults.add(node.place, f"must be at most {context['le']}, not {value}")
        case "greater_than_equal":
            faults.add(node.place, f"must be at least {context['ge']}, not {value}")
        case "string_type":
            faults.add(node.place, values.not_text(value))
        case "list_type":
            hint = f"; write [{json.dumps(value)}]" if isinstance(value, str) and value else ""
            faults.add(node.place, f"must be a list, [..., ...], not {named(value)}{hint}")
        case "dict_type" | "model_type":
            hint = _mapping_hint(location, value)
            faults.add(node.place, f"must be a mapping of keys to values, not {named(value)}{hint}")
        case _:
            faults.add(node.place, fault["msg"])


def _unknown_key(location: Location) -> str:
    path, key = tuple(map(str, location[:-1])), str(location[-1])
    known = list(_section_at(location[:-1]).written_keys())
    homes = [home for home in _homes(key) if home]
    close = get_close_matches(key.lower(), known, n=1, cutoff=0.6)
    if close and not get_close_matches(key.lower(), close, cutoff=0.8):
        if instead := habits.of_key(path, key):
            return f"unknown key; {instead}"
        if homes and not path:
            close = []
    if close:
        return f"unknown key; did you mean {quoted(close[0])}?"
    if instead := habits.of_key(path, key):
        return f"unknown key; {instead}"
    if homes and len(homes) <= 3:
        return f"unknown key here; it is a key of {', '.join(homes)}"
    return f"unknown key; the keys here are {', '.join(known)}"


def _homes(key: str, section: type[Section] = ConfigFile, path: str = "") -> Iterator[str]:
    """Yield the sections that have a key, by their paths as the documentation writes them."""
    for name, field in section.written_keys().items():
        if name == key:
            yield path
        inner, below = field.annotation, f"{path}.{name}" if path else name
        if get_origin(inner) is dict:
            below += ".ORIGIN" if below == "zones" else ".NAME"
        for kind in _kinds(inner):
            yield from _homes(key, kind, below)


def _kinds(annotation: object) -> Iterator[type[Section]]:
    """Yield the sections in the annotation of a key."""
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and get_origin(kind) is None and issubclass(kind, Section):
            yield kind


def _mapping_hint(location: Location, value: object) -> str:
    """Return how a list of names becomes a mapping, for those that have one below each name."""
    if not isinstance(value, list | str) or not value:
        return ""
    if location[-1:] == ("nameservers",):
        return "; write each as NAME: [ADDRESS], without -, such as ns1: [192.0.2.53]"
    return ""


def _section_at(location: Location) -> type[Section]:
    """Return the section at `location` in a file."""
    section: type[Section] = ConfigFile
    keys = iter(location)
    for key in keys:
        annotation = section.written_keys()[str(key)].annotation
        if get_origin(annotation) in (dict, list):
            next(keys)
        kinds = (annotation, *get_args(annotation))
        (section,) = (k for k in kinds if isinstance(k, type) and issubclass(k, Section))
    return section
