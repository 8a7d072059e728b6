"""Health checks of Route 53 become checks of this server.

A health check of Route 53 is of one endpoint; a check here is of every head that has it.  So health
checks that differ in their address only become one check.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any, Final

from failoverdns.config.checks import body_text, http_path
from failoverdns.config.scalars import host_name
from failoverdns.importing.builder import PlanBuilder
from failoverdns.importing.naming import label_of
from failoverdns.importing.plan import Setting
from failoverdns.importing.route53_documents import HealthCheck
from failoverdns.model.errors import Malformed

_KINDS: Final = {
    "HTTP": ("http", 80),
    "HTTPS": ("https", 443),
    "HTTP_STR_MATCH": ("http", 80),
    "HTTPS_STR_MATCH": ("https", 443),
    "TCP": ("tcp", None),
}
"""The type of check, and the default port, for each type of health check."""

_TIMEOUTS: Final = {"http": 6, "https": 6, "tcp": 10}
"""Seconds that Route 53 gives a probe: for HTTP, 4 to connect and 2 for the response."""

_NOT_POSSIBLE: Final = {
    "CALCULATED": (
        "it is made of other health checks, and checks here do not refer to each other",
        "Give the application the checks themselves, and how many must pass: "
        "application set NAME --check A --check B --require-checks N",
    ),
    "CLOUDWATCH_METRIC": (
        "it follows an alarm of CloudWatch",
        "Use a check of the type push, and let the alarm run `failoverdns health report`",
    ),
    "RECOVERY_CONTROL": (
        "it follows a routing control of Application Recovery Controller",
        "Switch the group by hand: failoverdns switch GROUP",
    ),
}


class CheckImport:
    """The health checks of an account, taken one by one as records refer to them.

    `known` is None if no list of health checks was given.
    """

    def __init__(self, builder: PlanBuilder, known: Iterable[HealthCheck] | None) -> None:
        self._builder = builder
        self._known = None if known is None else {check.id: check for check in known}
        self._taken: dict[str, str | None] = {}

    def name_of(self, id_: str, place: str) -> str | None:
        """Return the name of the check for a health check, or None if it was not taken.

        `place` is that of the record set; why it was not taken is listed once.
        """
        if id_ not in self._taken:
            self._taken[id_] = self._take(id_, place)
        return self._taken[id_]

    def endpoint_of(self, id_: str) -> str:
        """Return what a known health check probes: an address, or a name without trailing dot."""
        config = (self._known or {})[id_].config
        text = str(config.get("IPAddress") or config.get("FullyQualifiedDomainName") or "")
        try:
            return str(ip_address(text))
        except ValueError:
            return text.removesuffix(".").lower()

    def _take(self, id_: str, place: str) -> str | None:
        subject = f"health check {id_}"
        if self._known is None or id_ not in self._known:
            missing = (
                "no list of health checks was given" if self._known is None else "is not listed"
            )
            self._builder.refuse(
                place,
                subject,
                missing if self._known is None else f"it {missing} in the file of health checks",
                "Add --health-checks FILE with the output of `aws route53 list-health-checks`",
            )
            return None
        check = self._known[id_]
        try:
            settings = self._settings(check)
        except _NotTaken as fault:
            self._builder.refuse(check.place, subject, fault.reason, fault.advice)
            return None
        except Malformed as fault:
            self._builder.refuse(check.place, subject, str(fault), "Write a check by hand")
            return None
        if settings is None:
            self._builder.note(
                check.place, subject, "it is disabled, which counts as healthy, so it is left out"
            )
            return None
        words = [str(settings["type"]), str(settings["port"])]
        path = settings.get("path")
        if isinstance(path, str) and path.strip("/"):
            words.append(label_of(path))
        return self._builder.check("-".join(words)[:60], settings)

    def _settings(self, check: HealthCheck) -> dict[str, Setting] | None:
        """Return the settings of a check, None for one that is disabled; raises _NotTaken."""
        config = check.config
        kind = str(config.get("Type", ""))
        if config.get("Inverted") is True:
            raise _NotTaken(
                "it is inverted: a failing probe counts as healthy",
                "Use a check of the type exec with a program that inverts the result",
            )
        if config.get("Disabled") is True:
            return None
        if kind not in _KINDS:
            reason = f"its type {kind[:40]!r} is not known"
            raise _NotTaken(*_NOT_POSSIBLE.get(kind, (reason, "Write a check by hand")))
        word, default_port = _KINDS[kind]
        port = _number(config, "Port", default_port, 1, 65535)
        settings: dict[str, Setting] = {"type": word, "port": port}
        name = str(config.get("FullyQualifiedDomainName") or "")
        if word != "tcp":
            path = str(config.get("ResourcePath") or "/")
            settings["path"] = http_path(path if path.startswith("/") else f"/{path}")
            if name:
                settings["host"] = _host(name, port, default_port)
            settings["status"] = ["200-399"]
            if kind.endswith("_STR_MATCH"):
                settings["body"] = body_text(str(config.get("SearchString") or ""))
        interval = _number(config, "RequestInterval", 30, 1, 86400)
        threshold = _number(config, "FailureThreshold", 3, 1, 100)
        settings |= {
            "interval": interval,
            "timeout": min(_TIMEOUTS[word], interval),
            "up_after": threshold,
            "down_after": threshold,
        }
        if word == "https":
            settings["verify"] = False
            if config.get("EnableSNI", True) is True and _is_host_name(name):
                settings["server_name"] = name
        self._note_differences(check, config)
        return settings

    def _note_differences(self, check: HealthCheck, config: Mapping[str, Any]) -> None:
        for key in ("MeasureLatency", "Regions"):
            if config.get(key):
                self._builder.note(
                    check.place.partition(":")[0],
                    key,
                    "it is left out: this server probes from where it runs",
                )


class _NotTaken(Exception):
    """A health check that cannot be taken."""

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = advice


def _number(config: Mapping[str, Any], key: str, default: int | None, low: int, high: int) -> int:
    value = config.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Malformed(f"{key} is {str(value)[:40]}, not a number from {low} to {high}")
    return value


def _host(name: str, port: int, default_port: int | None) -> str:
    """Return the Host field that Route 53 sends."""
    if not name.isascii() or not name.isprintable() or " " in name:
        raise Malformed(f"FullyQualifiedDomainName {name[:80]!r} is not a name")
    return name if port == default_port else f"{name}:{port}"


def _is_host_name(name: str) -> bool:
    try:
        host_name(name)
    except Malformed:
        return False
    return True
