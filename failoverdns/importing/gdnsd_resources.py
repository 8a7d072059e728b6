"""Resources of gdnsd's plugins become applications: simplefo, multifo, and metafo over two places.

simplefo  primary and secondary address      two applications, switched automatically
multifo   all addresses that are up          one application of web servers
metafo    the first datacenter that is up    two applications, switched automatically
static    a fixed address or name            static records
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from failoverdns.importing.builder import PlanBuilder
from failoverdns.importing.gdnsd_checks import ServiceTypes
from failoverdns.importing.naming import label_of, unused
from failoverdns.importing.plan import PlannedHead, Settings
from failoverdns.importing.vscf import Value
from failoverdns.model.errors import Malformed
from failoverdns.model.hostnames import target_hostname
from failoverdns.model.names import DomainName, is_address

POLICIES: Final[Mapping[str, Settings]] = {
    "simplefo": {"mode": "automatic", "fail_back": "automatic", "all_down": "primary"},
    "multifo": {"answer": "healthy"},
    "metafo": {
        "mode": "automatic",
        "fail_back": "automatic",
        "all_down": "primary",
        "answer": "healthy",
    },
}
"""What each plugin does, as a policy of the same name."""

_FAMILIES: Final = {"addrs_v4": 4, "addrs_v6": 6}
_MULTIFO_OPTIONS: Final = ("service_types", "up_thresh", "ignore_health")
_DEFAULT_THRESHOLD: Final = 0.5


@dataclass(frozen=True, slots=True)
class Dynamic:
    """What a resource becomes: a group of these applications, or the data of static records.

    `fixed` is an address or a name; then there is no group.
    """

    primary: str = ""
    backup: str | None = None
    policy: str | None = None
    fixed: str | None = None


class Resources:
    """The resources of a configuration; each is read once, when a record refers to it."""

    def __init__(
        self, builder: PlanBuilder, plugins: Mapping[str, Value], types: ServiceTypes
    ) -> None:
        self._builder = builder
        self._plugins = plugins
        self._types = types
        self._found: dict[str, Dynamic] = {}

    def find(self, reference: str) -> Dynamic:
        """Return what `PLUGIN!RESOURCE` becomes; raises Malformed, which says why it cannot."""
        if reference not in self._found:
            plugin, _, name = reference.partition("!")
            self._found[reference] = self._read(plugin.strip(), name.strip())
        return self._found[reference]

    def _read(self, plugin: str, name: str) -> Dynamic:
        if plugin == "simplefo":
            return self._simplefo(name, self._resource(plugin, name), self._plugins[plugin])
        if plugin == "multifo":
            app = self._multifo(name, self._resource(plugin, name), self._inherited(plugin))
            return Dynamic(app, policy="multifo" if self._builder.checks_of(app) else None)
        if plugin == "metafo":
            return self._metafo(name)
        if plugin == "static":
            return Dynamic(fixed=self._resource(plugin, name).text())
        if plugin == "weighted":
            raise Malformed("weighted answers differ from query to query, and those here do not")
        if plugin == "geoip":
            raise Malformed("geoip answers by the place of the client; all clients get one here")
        raise Malformed(f"the plugin {plugin[:40]!r} has no counterpart here")

    def _inherited(self, plugin: str) -> Mapping[str, Value]:
        options = self._plugins[plugin].entries()
        return {key: options[key] for key in _MULTIFO_OPTIONS if key in options}

    def _resource(self, plugin: str, name: str) -> Value:
        if plugin not in self._plugins:
            raise Malformed(f"plugins has no {plugin}")
        found = self._plugins[plugin].entries().get(name)
        if found is None or name in _MULTIFO_OPTIONS:
            raise Malformed(f"{plugin} has no resource {name[:60]!r}")
        return found

    # simplefo

    def _simplefo(self, name: str, resource: Value, plugin: Value) -> Dynamic:
        options = resource.entries()
        default = options.get("service_types", plugin.entries().get("service_types"))
        parts = {key: options[key].entries() for key in _FAMILIES if key in options}
        known = {"service_types", *_FAMILIES}
        if not parts:
            known |= {"primary", "secondary"}
            parts = {"": options}
        for key in options:
            if key not in known:
                raise Malformed(f"{options[key].place}: simplefo has no option {key[:60]!r}")
        sides: dict[str, list[str]] = {"primary": [], "secondary": []}
        checks: dict[str, None] = {}
        listed = []
        for family, part in parts.items():
            for side, addresses in sides.items():
                if side not in part:
                    raise Malformed(f"{resource.place}: {family or name} has no {side}")
                addresses.append(_address(part[side], _FAMILIES.get(family)))
            found = self._types.names_of(part.get("service_types", default))
            listed.append(found)
            checks.update(dict.fromkeys(found))
        if len(set(listed)) > 1:
            text = "its families have different service types; here all heads have all of them"
            self._builder.note(resource.place, f"simplefo!{name}", text)
        if len(parts) > 1:
            text = "its families fail over together here"
            self._builder.note(resource.place, f"simplefo!{name}", text)
        names = tuple(checks)
        primary, backup = (
            self._builder.application(
                f"{name}-{word}", (PlannedHead("lb", tuple(sides[side])),), names
            )
            for word, side in (("primary", "primary"), ("backup", "secondary"))
        )
        return Dynamic(primary, backup, "simplefo" if names else None)

    # multifo

    def _multifo(
        self,
        name: str,
        resource: Value,
        inherited: Mapping[str, Value],
        *,
        decides: bool = False,
    ) -> str:
        """Return the application of a multifo resource.

        With `decides` its health decides between datacenters, so that its threshold is kept.
        """
        if isinstance(resource.data, dict):
            options = {**inherited, **resource.entries()}
        else:
            options = dict(inherited)
        parts = [options[key] for key in _FAMILIES if key in options]
        heads: list[PlannedHead] = []
        names: set[str] = set()
        checks: dict[str, None] = {}
        least = 0
        for part in parts or [resource]:
            own: dict[str, Value] = {
                key: options[key] for key in _MULTIFO_OPTIONS if key in options
            }
            addresses = _labelled(part)
            for key in _MULTIFO_OPTIONS:
                if key in addresses:
                    own[key] = addresses.pop(key)
            version = 4 if part is options.get("addrs_v4") else 6
            count = 0
            for label, value in addresses.items():
                if part is resource and label in (*_FAMILIES, "plugin"):
                    continue
                try:
                    address = _address(value, version if parts else None)
                except Malformed as fault:
                    subject = f"multifo!{name}: {label[:60]}"
                    reason = str(fault).removeprefix(f"{value.place}: ")
                    advice = "Is it an option that is misspelt? Look at it"
                    self._builder.refuse(value.place, subject, reason, advice)
                    continue
                head = unused(label_of(f"web{label}" if label.isdigit() else label), names)
                names.add(head)
                heads.append(PlannedHead(head, (address,), is_web_server=True))
                count += 1
            least += math.ceil(_threshold(own) * count)
            if _is_true(own.get("ignore_health")):
                text = "ignore_health: all addresses are answered, as without checks"
                self._builder.note(part.place, f"multifo!{name}", text)
                if not decides:
                    continue
            checks.update(dict.fromkeys(self._types.names_of(own.get("service_types"))))
        if not heads:
            raise Malformed(f"{resource.place}: {name} has no address")
        if checks and not decides and least > 1:
            text = (
                f"with fewer than {least} of {len(heads)} addresses up gdnsd answers with all; "
                "this server does that if all are down"
            )
            self._builder.note(resource.place, f"multifo!{name}: up_thresh", text)
        needed = least if decides and checks and least > 1 else None
        return self._builder.application(name, tuple(heads), tuple(checks), needed)

    # metafo

    def _metafo(self, name: str) -> Dynamic:
        if "metafo" not in self._plugins:
            raise Malformed("plugins has no metafo")
        top = self._plugins["metafo"].entries()
        name, _, only = name.partition("/")
        resource = top["resources"].entries().get(name) if "resources" in top else None
        if resource is None:
            raise Malformed(f"metafo has no resource {name[:60]!r}")
        options = {**top, **resource.entries()}
        order = options["datacenters"].texts() if "datacenters" in options else []
        places = options["dcmap"].entries() if "dcmap" in options else {}
        if only:
            order = [only]
        missing = next((place for place in order if place not in places), None)
        if not order or missing is not None:
            raise Malformed(f"{resource.place}: dcmap has no {missing or 'datacenter'}")
        if len(order) > 2:
            raise Malformed(
                f"it has {len(order)} datacenters ({', '.join(order)[:80]}); a group has two sides"
            )
        apps = [self._datacenter(f"{name}-{place}", places[place], options) for place in order]
        primary, backup = apps[0], apps[1] if len(apps) > 1 else None
        checked = self._builder.checks_of(primary)
        policy = ("metafo" if backup else "multifo") if checked else None
        return Dynamic(primary, backup, policy)

    def _datacenter(self, name: str, value: Value, options: Mapping[str, Value]) -> str:
        default = options["plugin"].text() if "plugin" in options else "multifo"
        inherited = {key: options[key] for key in _MULTIFO_OPTIONS if key in options}
        if isinstance(value.data, str):
            if value.data.startswith(("%", "!")):
                plugin, _, resource = value.data[value.data.startswith("%") :].partition("!")
                plugin = plugin or default
                if plugin != "multifo":
                    raise Malformed(f"{value.place}: {plugin[:40]!r} cannot be one side of a group")
                found = self._resource(plugin, resource)
                return self._multifo(resource, found, self._inherited(plugin), decides=True)
            if not is_address(value.data):
                hostname = target_hostname(value.data)
                return self._builder.application(
                    name, (PlannedHead("lb", hostname=hostname.to_text()),)
                )
        if isinstance(value.data, dict):
            plugin = value.data["plugin"].text() if "plugin" in value.data else default
            if plugin != "multifo":
                raise Malformed(f"{value.place}: {plugin[:40]!r} cannot be one side of a group")
        return self._multifo(name, value, inherited, decides=True)


def hostname_of(text: str) -> DomainName:
    """Return the name that a static resource has; raises Malformed."""
    return DomainName.from_text(text)


def _labelled(part: Value) -> dict[str, Value]:
    """Return addresses and options by label; those of an array are numbered from 1."""
    if isinstance(part.data, dict):
        return dict(part.data)
    items = part.data if isinstance(part.data, list) else [part]
    return {str(number): item for number, item in enumerate(items, 1)}


def _address(value: Value, version: int | None) -> str:
    text = value.text()
    if not is_address(text):
        raise Malformed(f"{value.place}: {text[:60]!r} is not an address")
    address = ip_address(text)
    if version is not None and address.version != version:
        raise Malformed(f"{value.place}: {text} is not an address for IPv{version}")
    return str(address)


def _threshold(options: Mapping[str, Value]) -> float:
    if "up_thresh" not in options:
        return _DEFAULT_THRESHOLD
    value = options["up_thresh"]
    try:
        threshold = float(value.text())
    except ValueError:
        threshold = 0.0
    if not 0.0 < threshold <= 1.0:
        raise Malformed(f"{value.place}: up_thresh is not a number above 0, and at most 1")
    return threshold


def _is_true(value: Value | None) -> bool:
    return value is not None and value.text().lower() == "true"
