"""The shape of the configuration: which keys there are, of which types, with which defaults.

Finds every fault of shape in one run, and says in words for operators what would be right.
Refuses to know what depends on several values at once: that is checked in `zones` and `loading`.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationError

from failoverdns.config import values
from failoverdns.config.document import Location, Node, Refused
from failoverdns.config.errors import Report, quoted
from failoverdns.config.settings import ListenAddress
from failoverdns.config.values import named
from failoverdns.model.errors import Malformed
from failoverdns.model.group import DEFAULT_TTL, MAX_TTL
from failoverdns.model.names import DomainName

T = TypeVar("T")


def _text(read: Callable[[str], T]) -> PlainValidator:
    """Return a validator that takes text only and has `read` make a value of it."""

    def check(value: object) -> T:
        if not isinstance(value, str):
            raise Malformed(_not_text(value))
        return read(value)

    return PlainValidator(check)


def _or_empty(empty: Callable[[], object]) -> BeforeValidator:
    """Return a validator that lets a key without a value stand for an empty one."""
    return BeforeValidator(lambda value: empty() if value is None else value)


Address = Annotated[IPv4Address | IPv6Address, _text(values.address)]
Listen = Annotated[ListenAddress, _text(values.listen_address)]
Mailbox = Annotated[DomainName, _text(values.mailbox)]
FilePath = Annotated[str, _text(values.file_path)]
Mode = Annotated[int, _text(values.socket_mode)]
Workers = Annotated[int | None, PlainValidator(values.workers)]
Seconds = Annotated[int, Field(ge=0, le=MAX_TTL)]
Told = Annotated[str, _text(values.identity_text)]


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True
    )


class ZoneSection(_Section):
    """What stands below an origin; TTLs in seconds."""

    nameservers: dict[str, Annotated[list[Address], _or_empty(list)]] = {}
    contact: Mailbox | None = None
    ttl: Seconds = DEFAULT_TTL
    negative_ttl: Seconds = DEFAULT_TTL
    records: Annotated[list[str], _or_empty(list)] = []


class ControlSection(_Section):
    """`control`."""

    socket: FilePath = "/run/failoverdns/control.sock"
    mode: Mode = 0o660


class StateSection(_Section):
    """`state`."""

    sqlite: FilePath = "/var/lib/failoverdns/failoverdns.db"


class IdentitySection(_Section):
    """`identity`."""

    id: Told | None = None
    version: Told | None = None


class ConfigFile(_Section):
    """The whole file."""

    zones: dict[str, ZoneSection] = {}
    listen: list[Listen] = []
    workers: Workers = None
    control: Annotated[ControlSection, _or_empty(dict)] = ControlSection()
    state: Annotated[StateSection, _or_empty(dict)] = StateSection()
    identity: Annotated[IdentitySection, _or_empty(dict)] = IdentitySection()


def check_shape(document: Node, report: Report) -> tuple[ConfigFile, Node]:
    """Validate `document`; note every fault in `report`.

    Returns the sections, and the document that they are of: without the values at fault, in whose
    place the sections have defaults.  So the rest can be checked further in the same run.
    """
    nothing = ConfigFile(), Node(document.place, document.key, {})
    if document.value is None:
        report.add(document.place, "empty; at least the keys zones and listen are needed")
    if document.value is None or document.value is Refused.REFUSED:
        return nothing
    _require_keys(document, report)
    usable = document.usable()
    try:
        return ConfigFile.model_validate(usable.plain()), usable
    except ValidationError as error:
        faults: set[Location] = set()
        for fault in error.errors(include_url=False):
            faults.add(fault["loc"])
            _explain(fault["loc"], dict(fault), usable, report)
    if () in faults:
        return nothing
    # The models have defaults for everything, so what is left over is valid.
    usable = usable.usable(faults)
    return ConfigFile.model_validate(usable.plain()), usable


def _require_keys(document: Node, report: Report) -> None:
    """Note what is missing or empty; not left to the models, so that they can do without it."""
    _require(document, "zones", dict, 'give at least one zone, such as "failover.example"', report)
    _require(document, "listen", list, 'give at least one address, such as "0.0.0.0:53"', report)
    match document.at("zones"):
        case Node(value=dict(zones)):
            for zone in zones.values():
                example = 'name at least one, such as "ns1: [192.0.2.53]"'
                _require(zone, "nameservers", dict, example, report)


def _require(section: Node, key: str, kind: type, remedy: str, report: Report) -> None:
    if not isinstance(section.value, dict):
        return
    node = section.at(key)
    if node is None:
        report.add(section.place.of_key(key), f"missing; {remedy}")
    elif isinstance(node.value, kind) and not node.value:
        report.add(node.place, f"empty; {remedy}")


def _explain(location: Location, fault: dict[str, Any], document: Node, report: Report) -> None:
    node = document.at(*location)
    assert node is not None, location
    value, context = fault["input"], fault.get("ctx", {})
    match fault["type"]:
        case "extra_forbidden":
            report.add(node.key, _unknown_key(location))
        case "value_error":
            report.add(node.place, str(context["error"]))
        case "int_type":
            report.add(node.place, _not_a_number(value))
        case "less_than_equal":
            report.add(node.place, f"must be at most {context['le']}, not {value}")
        case "greater_than_equal":
            report.add(node.place, f"must be at least {context['ge']}, not {value}")
        case "string_type":
            report.add(node.place, _not_text(value))
        case "list_type":
            report.add(node.place, f"must be a list, [..., ...], not {named(value)}")
        case "dict_type" | "model_type":
            report.add(node.place, f"must be a mapping of keys to values, not {named(value)}")
        case _:
            report.add(node.place, fault["msg"])


def _unknown_key(location: Location) -> str:
    known = list(_section_at(location[:-1]).model_fields)
    close = get_close_matches(str(location[-1]), known, n=1)
    if close:
        return f"unknown key; did you mean {quoted(close[0])}?"
    return f"unknown key; the keys here are {', '.join(known)}"


def _section_at(location: Location) -> type[_Section]:
    match location:
        case ():
            return ConfigFile
        case ("zones", _):
            return ZoneSection
        case ("control",):
            return ControlSection
        case ("state",):
            return StateSection
        case _:
            return IdentitySection


def _not_text(value: object) -> str:
    hint = "; put it in quotes" if isinstance(value, int) else ""
    return f"must be text, not {named(value)}{hint}"


def _not_a_number(value: object) -> str:
    hint = "; leave the quotes out" if isinstance(value, str) and value.isdecimal() else ""
    return f"must be a whole number, not {named(value)}{hint}"
