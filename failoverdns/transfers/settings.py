"""The settings of the transfer process, which the control process makes and sends to it.

A reload of the configuration replaces them as a whole.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from failoverdns.model.catalog import Catalog, catalog_of
from failoverdns.model.change import Delta, Node
from failoverdns.model.names import DomainName
from failoverdns.model.settings import Config, ListenAddress, SecondarySettings
from failoverdns.model.zone import Zone
from failoverdns.protocol.table.deltas import write_delta
from failoverdns.protocol.tsig import Algorithm, TSIGKey

ALL_NAMES: Final = "*"
"""The pattern of an update scope that has every name of a zone."""


@dataclass(frozen=True, slots=True)
class ZoneTerms:
    """What others may do with a zone.

    `origin` is in wire form, as everywhere in the transfer process.  `secondaries` are names of
    secondaries, in order; `keys` are names of keys that may transfer the zone; `ttl` is the TTL of
    its groups in seconds.
    """

    origin: bytes
    secondaries: tuple[str, ...]
    keys: frozenset[bytes]
    ttl: int


@dataclass(frozen=True, slots=True)
class TransferSettings:
    """Everything that the control process sends to the transfer process beside names and links.

    `keys` are by their names in wire form.  The catalog zone is among the `zones`; `catalog` is its
    origin, None without one, and `catalogs` has its content for each key, as a delta.  `folder` is
    where the process may write.  With `needs_certificate` a zone transfer over TLS needs a client
    certificate.  `idle_timeout` is in seconds.
    """

    keys: Mapping[bytes, TSIGKey] = field(default_factory=dict)
    secondaries: tuple[SecondarySettings, ...] = ()
    zones: tuple[ZoneTerms, ...] = ()
    folder: Path = Path("/nonexistent")
    needs_certificate: bool = False
    idle_timeout: float = 30.0
    catalog: bytes | None = None
    catalogs: Mapping[bytes, bytes] = field(default_factory=dict)


def make_transfer_settings(
    config: Config, keys: Iterable[TSIGKey], catalog_serial: int
) -> TransferSettings:
    """Return the settings of a configuration whose secrets were read.

    `catalog_serial` is the serial number of the catalog zone, if there is one.
    """
    key_of = {one.name: one.key.wire for one in config.secondaries}
    zones = [_terms(zone, key_of) for zone in config.zones]
    catalog = catalog_of(config)
    if catalog is not None:
        served = dict.fromkeys(name for zone in zones for name in zone.secondaries)
        allowed = frozenset(key.wire for key in catalog.keys)
        zones.append(ZoneTerms(catalog.origin.wire, tuple(served), allowed, 0))
    return TransferSettings(
        keys={key.name: key for key in keys},
        secondaries=config.secondaries,
        zones=tuple(zones),
        folder=config.state.transfers,
        needs_certificate=config.tls is not None and config.tls.client_ca is not None,
        idle_timeout=config.tcp.idle_timeout,
        catalog=catalog.origin.wire if catalog is not None else None,
        catalogs=_contents(catalog, catalog_serial) if catalog is not None else {},
    )


def write_settings(settings: TransferSettings) -> dict[str, Any]:
    """Return settings as a JSON object, with the secrets of the keys."""
    return {
        "keys": [
            [key.name.hex(), key.algorithm.name, b64encode(key.secret).decode()]
            for key in settings.keys.values()
        ],
        "secondaries": [
            [
                *(one.name, str(one.address.host), one.address.port, one.key.wire.hex()),
                str(one.source) if one.source is not None else None,
            ]
            for one in settings.secondaries
        ],
        "zones": [
            [
                *(zone.origin.hex(), list(zone.secondaries)),
                *([key.hex() for key in sorted(zone.keys)], zone.ttl),
            ]
            for zone in settings.zones
        ],
        "folder": str(settings.folder),
        "needs_certificate": settings.needs_certificate,
        "idle_timeout": settings.idle_timeout,
        "catalog": settings.catalog.hex() if settings.catalog is not None else None,
        "catalogs": {
            key.hex(): b64encode(delta).decode() for key, delta in settings.catalogs.items()
        },
    }


def read_settings(written: dict[str, Any]) -> TransferSettings:
    """Return settings from a JSON object; raises ValueError, KeyError or TypeError."""
    keys = [
        TSIGKey(bytes.fromhex(name), Algorithm[algorithm], b64decode(secret))
        for name, algorithm, secret in written["keys"]
    ]
    secondaries = [
        SecondarySettings(
            name,
            ListenAddress(ip_address(host), int(port)),
            DomainName(bytes.fromhex(key)),
            ip_address(source) if source is not None else None,
        )
        for name, host, port, key, source in written["secondaries"]
    ]
    zones = [
        ZoneTerms(bytes.fromhex(origin), tuple(names), frozenset(map(bytes.fromhex, keys)), ttl)
        for origin, names, keys, ttl in written["zones"]
    ]
    return TransferSettings(
        keys={key.name: key for key in keys},
        secondaries=tuple(secondaries),
        zones=tuple(zones),
        folder=Path(written["folder"]),
        needs_certificate=bool(written["needs_certificate"]),
        idle_timeout=float(written["idle_timeout"]),
        catalog=bytes.fromhex(written["catalog"]) if written["catalog"] is not None else None,
        catalogs={
            bytes.fromhex(key): b64decode(delta) for key, delta in written["catalogs"].items()
        },
    )


def _contents(catalog: Catalog, serial: int) -> dict[bytes, bytes]:
    """Return the content of the catalog zone for each key, as a delta."""
    soa = catalog.start_of_authority(serial)
    contents = {}
    for key in catalog.keys:
        nodes = [
            Node(rrset.owner, catalog.origin, (rrset.records,), 0) for rrset in catalog.rrsets(key)
        ]
        contents[key.wire] = write_delta(Delta(nodes=tuple(nodes), authorities=(soa,)))
    return contents


def _terms(zone: Zone, key_of: Mapping[str, bytes]) -> ZoneTerms:
    """Return who may transfer a zone.

    They are its secondaries, and keys that may update all of its names: external-dns lists the
    records of a zone by a zone transfer before it updates them.
    """
    keys = {key_of[name] for name in zone.secondaries if name in key_of}
    keys |= {scope.key.wire for scope in zone.updates if ALL_NAMES in scope.names}
    return ZoneTerms(zone.origin.wire, zone.secondaries, frozenset(keys), zone.ttl)
