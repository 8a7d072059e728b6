"""Load a configuration file: its path becomes a `Config`, or a list of all its errors.

Text becomes a document with positions (`document`), the document becomes sections (`schema`), and
the module of each section makes a value of the model of it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from failoverdns.config.automation import read_automation
from failoverdns.config.certificates import read_acme, read_certificates
from failoverdns.config.control import read_control
from failoverdns.config.delivery import read_delivery
from failoverdns.config.document import read_document, refuse_repeated
from failoverdns.config.errors import START, FaultReport
from failoverdns.config.hooks import read_hooks
from failoverdns.config.http import read_http
from failoverdns.config.protection import read_rate_limit, read_tcp
from failoverdns.config.schema import check_shape
from failoverdns.config.secondaries import check_catalog, read_secondaries, warn_of_idle
from failoverdns.config.tls import read_tls
from failoverdns.config.tsig_keys import read_tsig_keys
from failoverdns.config.zones.zones import read_zones
from failoverdns.model.settings import (
    Config,
    CookieSettings,
    HistorySettings,
    Identity,
    QueryLogSettings,
    StateSettings,
    ZoneFileLimits,
)
from failoverdns.regular_files import open_regular

MAX_SIZE = 16 * 1024 * 1024
"""Bytes of a configuration file, at most."""


def load_config(path: Path, data: bytes | None = None) -> Config:
    """Load the configuration file at `path`, or `data` in its place.

    Relative paths in it are completed with the folder that `path` is in.
    Raises ConfigErrors with all errors that could be found, in the order of their positions.
    """
    faults = FaultReport(str(path))
    text = read_text(path, faults) if data is None else _decoded(data, faults)
    faults.raise_if_any()
    written = read_document(text, faults)
    if written is None:
        faults.raise_if_any()
        raise AssertionError("an unreadable document was not reported")
    sections, usable = check_shape(written, faults)
    folder = path.parent.resolve()
    refuse_repeated(sections.listen, usable.at("listen"), "address", faults)
    refuse_repeated(sections.resolvers, usable.at("resolvers"), "resolver", faults)
    state = sections.state.into(StateSettings, folder)
    delivery, acme = sections.delivery, sections.acme
    limits = sections.zone_files.into(ZoneFileLimits)
    rate_limit, querylog = sections.rate_limit, sections.querylog
    taken = {"listen": sections.listen, "delivery.listen": delivery.listen if delivery else []}
    taken_too = {**taken, "tls.listen": sections.tls.listen if sections.tls else []}
    config = Config(
        file=path,
        zones=read_zones(sections.zones, folder, usable, written, faults, limits=limits),
        zone_files=limits,
        listen=tuple(sections.listen),
        workers=sections.workers,
        user=sections.user,
        resolvers=tuple(sections.resolvers),
        control=read_control(sections.control, folder, usable, written, faults),
        state=state,
        history=sections.history.into(HistorySettings),
        identity=sections.identity.into(Identity),
        certificates=read_certificates(sections.certificates, state, folder, usable, faults),
        delivery=read_delivery(delivery, sections.listen, folder, usable, written, faults)
        if delivery
        else None,
        hooks=read_hooks(sections.hooks, folder, usable, written, faults),
        acme=read_acme(acme, folder, usable, faults) if acme else None,
        tcp=read_tcp(sections.tcp, usable, faults),
        cookies=sections.cookies.into(CookieSettings, folder),
        rate_limit=read_rate_limit(rate_limit, usable, faults) if rate_limit else None,
        querylog=querylog.into(QueryLogSettings, folder) if querylog else None,
        automation=read_automation(sections, folder, usable, written, faults),
        tsig_keys=read_tsig_keys(sections.tsig_keys, folder, usable, faults),
        secondaries=read_secondaries(
            sections.secondaries, sections.listen, usable, written, faults
        ),
        catalog=sections.catalog,
        tls=read_tls(sections.tls, taken, folder, usable, faults) if sections.tls else None,
        http=read_http(sections.http, taken_too, folder, usable, written, faults)
        if sections.http
        else None,
    )
    check_catalog(config.catalog, config.secondaries, config.zones, usable, faults)
    warn_of_idle(config.secondaries, config.zones, usable, faults)
    faults.raise_if_any()
    return replace(config, warnings=faults.warnings())


def read_text(path: Path, faults: FaultReport) -> str:
    """Read a file of at most `MAX_SIZE` bytes as UTF-8; report why it cannot be read."""
    try:
        with open_regular(path) as file:
            data = file.read(MAX_SIZE + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        faults.add(START, f"cannot be read: {reason or error}")
        return ""
    return _decoded(data, faults)


def _decoded(data: bytes, faults: FaultReport) -> str:
    if len(data) > MAX_SIZE:
        faults.add(START, f"larger than {MAX_SIZE // 1024**2} MiB; is this a configuration file?")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        faults.add(START, f"not UTF-8: the byte 0x{data[error.start]:02x} in line {line}")
        return ""
