"""Service types of gdnsd become checks of this server."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Final

from failoverdns.config.checks import http_path
from failoverdns.importing.builder import PlanBuilder
from failoverdns.importing.naming import label_of
from failoverdns.importing.plan import Setting
from failoverdns.importing.vscf import Value
from failoverdns.model.errors import Malformed

_ITEM: Final = "%%ITEM%%"
"""What gdnsd replaces by the address in the arguments of a program."""

_GENERIC: Final = ("plugin", "up_thresh", "ok_thresh", "down_thresh", "interval", "timeout")
_OWN: Final[Mapping[str, tuple[str, ...]]] = {
    "http_status": ("port", "url_path", "vhost", "ok_codes"),
    "tcp_connect": ("port",),
    "extmon": ("cmd", "direct", "max_proc"),
}
"""The options of each plugin that monitors."""

_DOWN_ADVICE: Final = "Force it: failoverdns health force APPLICATION down"


class ServiceTypes:
    """The service types of a configuration, taken one by one as resources refer to them."""

    def __init__(self, builder: PlanBuilder, types: Mapping[str, Value], place: str) -> None:
        self._builder = builder
        self._types = types
        self._place = place
        self._taken: dict[str, str | None] = {}

    def names_of(self, types: Value | None) -> tuple[str, ...]:
        """Return the names of the checks for service types; `up` needs none.

        What cannot be taken is listed once.  Raises Malformed if they are not texts.
        """
        if types is None:
            return ()
        names = dict.fromkeys(types.texts())
        found = (self._name_of(name, types.place) for name in names if name not in ("up", "none"))
        return tuple(dict.fromkeys(name for name in found if name is not None))

    def _name_of(self, name: str, place: str) -> str | None:
        if name not in self._taken:
            self._taken[name] = self._take(name, place)
        return self._taken[name]

    def _take(self, name: str, place: str) -> str | None:
        subject = f"service type {name}"
        if name == "down":
            self._builder.refuse(place, subject, "no check is always down", _DOWN_ADVICE)
            return None
        type_ = self._types.get(name)
        if type_ is None:
            reason = "it is not defined in service_types"
            self._builder.refuse(place, subject, reason, "Write a check with this name in `checks`")
            return None
        try:
            settings = self._settings(name, type_)
        except Malformed as fault:
            text = str(fault).removeprefix(f"{type_.place}: ")
            self._builder.refuse(type_.place, subject, text, "Write a check by hand")
            return None
        if settings is None:
            return None
        return self._builder.check(label_of(name), settings)

    def _settings(self, name: str, type_: Value) -> dict[str, Setting] | None:
        """Return the settings of a check; None if it has none, or was listed."""
        options = type_.entries()
        plugin = options["plugin"].text() if "plugin" in options else ""
        subject = f"service type {name}"
        if plugin == "static":
            state = options["state"].text().lower() if "state" in options else "up"
            if state != "up":
                reason = f"no check is always {state}"
                self._builder.refuse(type_.place, subject, reason, _DOWN_ADVICE)
            return None
        if plugin == "null":
            self._builder.refuse(type_.place, subject, "no check is always down", _DOWN_ADVICE)
            return None
        if plugin not in _OWN:
            reason = f"states come from {plugin or 'no plugin'}, which has no counterpart here"
            advice = "Use a check of the type push, and `failoverdns health report`"
            self._builder.refuse(type_.place, subject, reason, advice)
            return None
        self._refuse_others(subject, plugin, options)
        settings: dict[str, Setting] = {}
        if plugin == "http_status":
            settings |= {"type": "http", "port": _number(options, "port", 80, 1, 65535)}
            settings["path"] = http_path(_text(options, "url_path", "/"))
            if "vhost" in options:
                settings["host"] = _host(options["vhost"].text())
            codes = options["ok_codes"].texts() if "ok_codes" in options else ["200"]
            settings["status"] = [_code(code) for code in codes]
        elif plugin == "tcp_connect":
            settings |= {"type": "tcp", "port": _number(options, "port", None, 1, 65535)}
        else:
            settings |= {"type": "exec", "run": _program(options)}
        interval = _number(options, "interval", 10, 1, 255)
        settings["interval"] = interval
        settings["timeout"] = _number(options, "timeout", max(1, interval // 2), 1, interval)
        direct = _text(options, "direct", "false").lower() == "true"
        up, down = (1, 1) if direct else (20, 10)
        settings["up_after"] = self._times(subject, options, "up_thresh", up)
        settings["down_after"] = self._times(subject, options, "down_thresh", down)
        return settings

    def _times(self, subject: str, options: Mapping[str, Value], key: str, default: int) -> int:
        times = _number(options, key, default, 1, 65535)
        if times > 100:
            text = f"{key} is 100, the largest number here, not {times}"
            self._builder.note(options[key].place, subject, text)
        return min(times, 100)

    def _refuse_others(self, subject: str, plugin: str, options: Mapping[str, Value]) -> None:
        for key, value in options.items():
            if key not in _GENERIC and key not in _OWN[plugin]:
                reason = f"{plugin} has no option {key[:60]!r}"
                self._builder.refuse(value.place, subject, reason, "Is it misspelt? Look at it")
        if "ok_thresh" in options:
            text = "ok_thresh is left out: one good probe ends a row of bad ones here"
            self._builder.note(options["ok_thresh"].place, subject, text)


def _text(options: Mapping[str, Value], key: str, default: str) -> str:
    return options[key].text() if key in options else default


def _number(
    options: Mapping[str, Value], key: str, default: int | None, low: int, high: int
) -> int:
    if key not in options and default is not None:
        return default
    text = options[key].text() if key in options else ""
    if not (text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high):
        raise Malformed(f"{key} is {text[:40]!r}, not a number from {low} to {high}")
    return int(text)


def _host(text: str) -> str:
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise Malformed(f"vhost {text[:60]!r} is not the name of a host")
    return text


def _code(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) == 3 and 100 <= int(text) <= 599):
        raise Malformed(f"{text[:40]!r} in ok_codes is not a status code from 100 to 599")
    return int(text)


def _program(options: Mapping[str, Value]) -> list[str]:
    """Return the program of a check and its arguments.

    The address is in the environment here, so that a program that takes it as an argument is run by
    a shell.
    """
    words = options["cmd"].texts() if "cmd" in options else []
    if not words or not words[0]:
        raise Malformed("cmd is missing")
    if any("\0" in word for word in words):
        raise Malformed("cmd has a zero byte")
    if not any(_ITEM in word for word in words):
        return words
    address = '"$FAILOVERDNS_ADDRESS"'
    quoted = (
        address.join(shlex.quote(part) if part else "" for part in word.split(_ITEM)) or "''"
        for word in words
    )
    return ["/bin/sh", "-c", f"exec {' '.join(quoted)}"]
