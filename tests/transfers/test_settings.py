"""The settings of the transfer process: who may transfer which zone, and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path

import pytest
import samples

from failoverdns.model.names import DomainName
from failoverdns.model.settings import ListenAddress, SecondarySettings, StateSettings, TCPSettings
from failoverdns.model.zone import UpdateScope, Zone
from failoverdns.protocol.tsig import Algorithm, TSIGKey
from failoverdns.transfers.settings import (
    TransferSettings,
    ZoneTerms,
    make_transfer_settings,
    read_settings,
    write_settings,
)

NS2, NS3, DNS = map(DomainName.from_text, ("ns2.test", "ns3.test", "external-dns.test"))

PLAIN = replace(samples.zone(), updates=())
STATE = StateSettings(Path("/a/state.db"))
TCP = TCPSettings()

PLAIN = replace(samples.zone(), updates=())


@dataclass
class Configured:
    """What the settings are made of: a part of a configuration."""

    zones: tuple[Zone, ...]
    secondaries: tuple[SecondarySettings, ...]
    catalog: DomainName | None = None
    tls: None = None
    state: StateSettings = STATE
    tcp: TCPSettings = TCP


def secondary(name: str, key: DomainName) -> SecondarySettings:
    return SecondarySettings(name, ListenAddress(ip_address("192.0.2.53"), 53), key)


def test_settings_survive_the_way_to_the_process() -> None:
    settings = TransferSettings(
        keys={NS2.wire: TSIGKey(NS2.wire, Algorithm.HMAC_SHA384, bytes(range(48)))},
        secondaries=(
            secondary("ns2", NS2),
            replace(secondary("six", NS3), source=ip_address("2001:db8::1")),
        ),
        zones=(ZoneTerms(NS3.wire, ("ns2", "six"), frozenset((NS2.wire, NS3.wire)), 60),),
        folder=Path("/var/lib/failoverdns/state.db.transfers"),
        needs_certificate=True,
        idle_timeout=12.5,
        catalog=DNS.wire,
        catalogs={NS2.wire: b"Z\0\xff"},
    )
    assert read_settings(write_settings(settings)) == settings


def test_the_folder_is_beside_the_state() -> None:
    assert STATE.transfers == Path("/a/state.db.transfers")


@pytest.mark.parametrize(
    ("zone", "allowed"),
    [
        pytest.param(PLAIN, set(), id="nobody"),
        pytest.param(replace(PLAIN, secondaries=("ns2",)), {NS2}, id="a secondary"),
        pytest.param(replace(PLAIN, secondaries=("ns2", "ns3")), {NS2, NS3}, id="two of them"),
        pytest.param(
            replace(PLAIN, updates=(UpdateScope(DNS, ("*",), frozenset((1,))),)),
            {DNS},
            id="a key that may update every name",
        ),
        pytest.param(
            replace(PLAIN, updates=(UpdateScope(DNS, ("a.*",), frozenset((1,))),)),
            set(),
            id="a key that may update some names",
        ),
    ],
)
def test_who_may_transfer_a_zone(zone: Zone, allowed: set[DomainName]) -> None:
    config = Configured((zone,), (secondary("ns2", NS2), secondary("ns3", NS3)))
    (terms,) = make_transfer_settings(config, (), 0).zones  # type: ignore[arg-type]
    assert terms.keys == {key.wire for key in allowed}
    assert terms.secondaries == zone.secondaries


def test_the_secret_of_a_key_is_not_shown() -> None:
    key = TSIGKey(NS2.wire, Algorithm.HMAC_SHA256, b"do not show this")
    assert "do not show" not in repr(TransferSettings(keys={NS2.wire: key}))
