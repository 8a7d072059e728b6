"""Read the files that importers are given, and make plans of them.

Every function raises Malformed, whose message begins with the file and, where there is one, the
line.
"""

from __future__ import annotations

import glob
import os
import sys
from pathlib import Path
from typing import Any, Final

from failoverdns.config.zones.master_file import read_master_file
from failoverdns.importing.bind import ZoneSource, import_bind, require_zone
from failoverdns.importing.builder import PlanBuilder
from failoverdns.importing.gdnsd import Folder, import_gdnsd
from failoverdns.importing.plan import Plan
from failoverdns.importing.route53 import import_route53
from failoverdns.importing.route53_documents import (
    MAX_SIZE,
    health_checks,
    is_cut_off,
    parse_document,
    record_sets,
)
from failoverdns.importing.vscf import MAX_FILES, SourceFile
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName
from failoverdns.regular_files import open_regular

GDNSD_SIZE: Final = 64 * 1024 * 1024
"""Bytes of all files of a folder of gdnsd, at most."""


def route53_plan(file: Path, zone: str | None, checks: Path | None) -> Plan:
    """Return the plan for a file with the record sets of a hosted zone of Route 53.

    `zone` is its name, if the file does not tell it; `checks` a file with the health checks.
    """
    document = _document(file)
    known = None
    cut_off = is_cut_off(document)
    if checks is not None:
        listed = _document(checks)
        known = health_checks(listed, str(checks))
    name = zone_name(zone) if zone is not None else None
    sets = record_sets(document, str(file))
    return import_route53(sets, known, str(file), name, cut_off=cut_off)


def gdnsd_plan(folder: Path) -> Plan:
    """Return the plan for the folder of a gdnsd: the file `config`, and the files in `zones`."""
    if not folder.is_dir():
        raise Malformed(f"{folder}: no such folder; name the one with `config` and `zones`")
    files = FolderFiles(folder, GDNSD_SIZE)
    config = folder / "config"
    zones = folder / "zones"
    has_config = os.path.lexists(config)
    if not has_config and not zones.is_dir():
        raise Malformed(f"{folder}: has neither a file `config` nor a folder `zones`")
    try:
        names = (
            sorted(n for n in os.listdir(zones) if not n.startswith(".")) if zones.is_dir() else []
        )
    except OSError as fault:
        raise Malformed(f"{zones}: cannot be read: {fault.strerror}") from None
    if not names:
        raise Malformed(f"{zones}: has no zone")
    return import_gdnsd(
        Folder(
            str(folder),
            files.read(config) if has_config else None,
            [files.read(zones / name) for name in names],
            files,
        )
    )


def bind_plan(file: Path, zone: str | None) -> Plan:
    """Return the plan for a zone file of BIND; `zone` is its name, if the file does not tell it."""
    read_bytes(file, 0)
    origin = zone_name(zone) if zone is not None else None
    source = require_zone(ZoneSource(str(file), read_master_file(file, origin)))
    return import_bind(str(file), [source], PlanBuilder("bind", str(file)))


class FolderFiles:
    """The files in a folder and below it, of at most `size` bytes together."""

    def __init__(self, folder: Path, size: int) -> None:
        self._folder = folder
        self._size = self._left = size

    def read(self, path: Path) -> SourceFile:
        """Return a file; raises Malformed if it is not in the folder, or cannot be read."""
        if not path.resolve().is_relative_to(self._folder.resolve()):
            raise Malformed(f"{path} is not below {self._folder}; copy it there")
        data = read_bytes(path, self._left)
        self._left -= len(data)
        if self._left < 0:
            raise Malformed(
                f"{path}: the files have more than {self._size // 1024**2} MiB together"
            )
        try:
            return SourceFile(str(path), data.decode("utf-8-sig"))
        except UnicodeDecodeError as fault:
            line = data.count(b"\n", 0, fault.start) + 1
            raise Malformed(f"{path}:{line}: not text: byte {fault.start} is not UTF-8") from None

    def included(self, pattern: str, by: str) -> list[SourceFile]:
        """Return the files that a name, a folder or a pattern in the file `by` stands for."""
        path = Path(by).parent / pattern
        if "\0" in pattern:
            raise Malformed("the name of a file has a zero byte")
        if path.is_dir():
            return [self.read(path / name) for name in _visible(path)]
        if any(letter in pattern for letter in "*?["):
            found = sorted(glob.glob(str(path)))[: MAX_FILES + 1]
            if not found:
                raise Malformed(f"no file matches {pattern!r}")
            return [self.read(Path(name)) for name in found]
        return [self.read(path)]


def _visible(folder: Path) -> list[str]:
    """Return the names of the files in a folder, without those that begin with a dot."""
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError as fault:
        raise Malformed(f"{folder}: cannot be read: {fault.strerror}") from None


def zone_name(text: str) -> DomainName:
    """Return the zone that the user names."""
    try:
        return DomainName.from_text(text)
    except Malformed as fault:
        raise Malformed(f"--zone: {text!r} is not a domain name: {fault}") from None


def _document(file: Path) -> Any:
    return parse_document(read_bytes(file, MAX_SIZE), str(file))


def read_bytes(file: Path, longest: int) -> bytes:
    """Return the bytes of a file, or of standard input if it is called `-`.

    At most one byte more than `longest` is read.
    """
    if str(file) == "-":
        return sys.stdin.buffer.read(longest + 1)
    try:
        with open_regular(file) as opened:
            return opened.read(longest + 1)
    except Malformed as fault:
        raise Malformed(f"{file}: {fault}") from None
    except (OSError, ValueError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else None
        raise Malformed(f"{file}: cannot be read: {reason or fault}") from None
