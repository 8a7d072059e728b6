"""Read the files that importers are given, and make plans of them.

Every function raises Malformed, whose message begins with the file and, where there is one, the
line.
"""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from failoverdns.config.zones.master_file import read_master_file
from failoverdns.config.zones.zone_file import LIMITS
from failoverdns.importing.bind import ZoneSource, import_bind, require_zone, zone_statements
from failoverdns.importing.builder import PlanBuilder
from failoverdns.importing.gdnsd import Folder, import_gdnsd
from failoverdns.importing.named_conf import Statement, is_named_conf, parse_named_conf
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

MAX_INCLUDES: Final = 8
"""How deep files of BIND may include each other."""

GDNSD_SIZE: Final = 64 * 1024 * 1024
"""Bytes of all files of a folder of gdnsd, at most."""


def route53_plan(file: Path, zone: str | None, checks: Path | None) -> Plan:
    """Return the plan for a file with the record sets of a hosted zone of Route 53.

    `zone` is its name, if the file does not have it; `checks` a file with the health checks.
    """
    source = _name(file)
    document = parse_document(read_bytes(file, MAX_SIZE), source)
    known = None
    if checks is not None:
        listed = parse_document(read_bytes(checks, MAX_SIZE), _name(checks))
        known = health_checks(listed, _name(checks))
    name = zone_name(zone) if zone is not None else None
    sets = record_sets(document, source)
    return import_route53(sets, known, source, name, cut_off=is_cut_off(document))


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
    visible = _visible(zones) if zones.is_dir() else []
    names = [name for name in visible if not (zones / name).is_dir()]
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
    """Return the plan for a zone file of BIND, or for its `named.conf`.

    `zone` is the name of the zone, if a zone file does not have it.
    """
    data = read_bytes(file, LIMITS.size)
    builder = PlanBuilder("bind", str(file))
    text = data.decode("utf-8", "replace")
    if is_named_conf(text):
        zones = list(_zones_of_named(file, text, builder, zone))
        return import_bind(str(file), zones, builder)
    origin = zone_name(zone) if zone is not None else None
    source = require_zone(ZoneSource(str(file), read_master_file(file, origin)))
    return import_bind(str(file), [source], builder)


def _zones_of_named(
    file: Path, text: str, builder: PlanBuilder, wanted: str | None
) -> Iterator[ZoneSource]:
    """Yield the zone files that a `named.conf` names; `wanted` is the only zone, or None."""
    only = zone_name(wanted) if wanted is not None else None
    statements = list(_with_includes(parse_named_conf(text, str(file)), [file.parent], 0))
    options = next((s for s in statements if s.words[:1] == ("options",)), None)
    directory = options.value("directory") if options is not None else None
    folders = [Path(directory), file.parent] if directory else [file.parent]
    for statement, origin, name in zone_statements(statements, builder):
        if only is not None and origin != only:
            continue
        path = _found(name, folders)
        try:
            yield require_zone(ZoneSource(statement.place, read_master_file(path, origin)))
        except Malformed as fault:
            advice = f"Mend or make {path}, and import it: failoverdns import bind {path}"
            builder.refuse(statement.place, f"the zone {origin}", str(fault), advice)


def _with_includes(
    statements: Iterable[Statement], folders: Sequence[Path], depth: int
) -> Iterator[Statement]:
    """Yield statements, with those of included files in the place of `include`."""
    for statement in statements:
        if statement.words[:1] != ("include",) or len(statement.words) < 2:
            yield statement
            continue
        if depth >= MAX_INCLUDES:
            raise Malformed(f"{statement.place}: files include each other too deeply")
        path = _found(statement.words[1], folders)
        try:
            text = read_bytes(path, LIMITS.size).decode("utf-8", "replace")
        except Malformed as fault:
            raise Malformed(f"{statement.place}: {fault}") from None
        yield from _with_includes(parse_named_conf(text, str(path)), folders, depth + 1)


def _found(name: str, folders: Sequence[Path]) -> Path:
    """Return the path of a file that `named.conf` names.

    A file that is not where BIND has it is looked for in the folder of `named.conf`, so that a copy
    of the files can be imported.
    """
    paths = [folder / name for folder in folders]
    paths.append(folders[-1] / Path(name).name)
    return next((path for path in paths if path.exists()), paths[0])


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


def _name(file: Path) -> str:
    return "standard input" if str(file) == "-" else str(file)


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
