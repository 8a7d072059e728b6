"""Map a folder of gdnsd: zones with their static records, and groups for DYNA and DYNC records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from failoverdns.config.zones.record_text import parse_record
from failoverdns.importing.builder import PlanBuilder
from failoverdns.importing.gdnsd_checks import ServiceTypes
from failoverdns.importing.gdnsd_resources import POLICIES, Resources, hostname_of
from failoverdns.importing.gdnsd_zone import DynamicRecord, ZoneReader
from failoverdns.importing.plan import Plan
from failoverdns.importing.vscf import Files, SourceFile, Value, parse_vscf
from failoverdns.importing.zone_contents import ZoneDraft
from failoverdns.model.errors import Malformed
from failoverdns.model.names import ROOT, DomainName, is_address
from failoverdns.model.records import CNAME

_DEFAULT_TTL: Final = 86400
_OPTIONS: Final = ("listen", "dns_port", "zones_default_ttl")
"""The options that are taken."""

_ADVICE: Final = "Make a group by hand: failoverdns group add; or serve one fixed answer"
_ADVICE_FOR: Final = {
    "weighted": "If they are equal servers, make them web servers of one application",
    "geoip": "Make the two best places the primary and the backup of a group",
}
"""What to do instead of a plugin."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The files of a configuration: `config` (None if there is none), and the files of zones.

    `files` finds what they include; `name` is the name of the folder, for people.
    """

    name: str
    config: SourceFile | None
    zones: Sequence[SourceFile]
    files: Files


def import_gdnsd(folder: Folder) -> Plan:
    """Return the plan for a folder; raises Malformed if its configuration cannot be read."""
    config: Mapping[str, Value] = {}
    if folder.config is not None:
        config = parse_vscf(folder.config, folder.files).entries()
    builder = PlanBuilder("gdnsd", folder.name)
    place = folder.config.name if folder.config is not None else folder.name
    return _Import(builder, config, place, folder.files).plan(folder.zones)


def zone_of_file(name: str) -> DomainName:
    """Return the origin of the zone in a file with this name; raises Malformed.

    A slash is `@` in the name of a file, and a dot at its end counts for nothing.
    """
    if name == "ROOT_ZONE":
        raise Malformed("the root is no zone here")
    return DomainName.from_text(name.replace("@", "/"))


class _Import:
    def __init__(
        self, builder: PlanBuilder, config: Mapping[str, Value], place: str, files: Files
    ) -> None:
        self._builder = builder
        self._config = config
        self._place = place
        self._files = files
        types = config["service_types"].entries() if "service_types" in config else {}
        self._plugins = config["plugins"].entries() if "plugins" in config else {}
        self._options = config["options"].entries() if "options" in config else {}
        self._resources = Resources(builder, self._plugins, ServiceTypes(builder, types, place))

    def plan(self, zones: Sequence[SourceFile]) -> Plan:
        builder = self._builder
        for key, value in self._config.items():
            if key not in ("options", "service_types", "plugins"):
                builder.refuse(value.place, key[:60], "it is not known", "Is it misspelt?")
        self._take_options()
        builder.policies.update(POLICIES)
        for file in zones:
            name = file.name.rpartition("/")[2]
            try:
                draft = builder.zone(zone_of_file(name))
            except Malformed as fault:
                builder.refuse(file.name, f"the zone {name}", str(fault))
                continue
            draft.comments.append(
                "Write the names and addresses of the servers that will serve it."
            )
            reader = ZoneReader(builder, draft, self._files, partial(self._take, draft))
            reader.read(file, self._default_ttl())
        plan = builder.finish()
        used = {group.policy for group in plan.groups}
        policies = {name: policy for name, policy in plan.policies.items() if name in used}
        return replace(plan, policies=policies)

    def _default_ttl(self) -> int:
        value = self._options.get("zones_default_ttl")
        text = value.text() if value is not None else ""
        return min(int(text), 2**31 - 1) if text.isascii() and text.isdigit() else _DEFAULT_TTL

    def _take_options(self) -> None:
        left = [key for key in self._options if key not in _OPTIONS]
        if left:
            text = f"left out: {', '.join(left)[:200]}"
            advice = "docs/configuration.md has the keys of this server"
            self._builder.note(self._options[left[0]].place, "options", text, advice)
        if "listen" in self._options:
            port = self._options["dns_port"].text() if "dns_port" in self._options else "53"
            self._listen(self._options["listen"], port)

    def _listen(self, listen: Value, port: str) -> None:
        texts = list(listen.data) if isinstance(listen.data, dict) else listen.texts()
        found = []
        for text in texts:
            for host in ("0.0.0.0", "::") if text == "any" else (text,):
                if (address := _with_port(host, port)) is not None:
                    found.append(address)
                else:
                    reason = "it is not an address with a port"
                    self._builder.refuse(listen.place, f"listen {host[:60]}", reason)
        self._builder.listen = tuple(dict.fromkeys(found)) or self._builder.listen

    def _take(self, zone: ZoneDraft, record: DynamicRecord) -> None:
        """Take a DYNA or DYNC record."""
        builder, subject = self._builder, f"{record.owner} {record.rtype} {record.data}"
        try:
            found = self._resources.find(record.data)
            if found.fixed is not None:
                self._take_fixed(zone, record, found.fixed)
                return
        except Malformed as fault:
            advice = _ADVICE_FOR.get(record.data.partition("!")[0], _ADVICE)
            builder.refuse(record.place, subject, str(fault), advice)
            return
        if not record.owner.is_at_or_below(zone.origin):
            builder.refuse(record.place, subject, f"it is outside the zone {zone.origin}")
            return
        if record.least_ttl is not None and record.least_ttl < record.ttl:
            text = (
                f"its TTL is always {record.ttl}; gdnsd lowers it to {record.least_ttl} while a "
                "state may change"
            )
            name = builder.group_name(zone, record.owner)
            advice = f"For quicker switches: failoverdns group set {name} --ttl {record.least_ttl}"
            builder.note(record.place, subject, text, advice)
        if found.backup is not None and found.policy is None:
            text = "nothing checks its primary, so that it is switched by hand only"
            name = builder.group_name(zone, record.owner)
            advice = (
                "Write a check and a policy in the configuration, then: failoverdns application "
                f"set {found.primary} --check CHECK && failoverdns group set {name} --policy POLICY"
            )
            builder.note(record.place, subject, text, advice)
        builder.group(
            record.place,
            zone,
            record.owner,
            record.ttl,
            found.primary,
            found.backup,
            found.policy,
        )

    def _take_fixed(self, zone: ZoneDraft, record: DynamicRecord, fixed: str) -> None:
        if not is_address(fixed):
            zone.add_data(record.place, record.owner, CNAME, record.ttl, hostname_of(fixed).wire)
            return
        rtype = "AAAA" if ":" in fixed else "A"
        text = f"{record.owner.absolute_text()} {record.ttl} IN {rtype} {fixed}"
        zone.add(record.place, parse_record(text, ROOT, record.ttl, zone.origin))


def _with_port(text: str, port: str) -> str | None:
    """Return an address of `listen` with its port, or None if it is none."""
    host = text
    if not is_address(text):
        host, _, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
    if not (is_address(host) and port.isascii() and port.isdigit() and len(port) <= 5):
        return None
    if not 0 < int(port) < 65536:
        return None
    return f"[{host}]:{int(port)}" if ":" in host else f"{host}:{int(port)}"
