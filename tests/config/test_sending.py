"""A configuration goes through frames unchanged, and frames make the server call nothing."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from struct import pack

import pytest

from failoverdns.config import ConfigErrors, load_config
from failoverdns.config.sending import (
    FORMAT,
    CannotTake,
    ConfigReader,
    Kind,
    hello,
    write_config,
    write_faults,
)
from failoverdns.model.settings import Config

Load = Callable[[str | bytes], Config]

SAMPLE = Path(__file__).parents[2] / "config" / "failoverdns.yaml"
EVERYTHING = """
rate_limit: {exempt_clients: [192.0.2.0/24, "2001:db8::/32"]}
cookies: {secret_file: secrets}
checks: {web: {type: http, source: [192.0.2.1]}, beat: {type: push}}
policies: {auto: {mode: automatic}}
safety_rules: {settle: {wait: 600}}
hooks: {told: {run: /bin/true, events: [role], applications: [eu]}}
resolvers: ["192.0.2.1:53"]
tsig_keys: {xfr.test: {algorithm: hmac-sha512, secret_file: xfr.key}}
secondaries: {ns2: {address: "[2001:db8::1]:53", key: xfr.test, source: "2001:db8::2"}}
catalog: catalog.test
tls: {listen: ["127.0.0.1:853"], certificate: tls.pem, key: tls.key}
"""


def frame(kind: int, body: bytes) -> bytes:
    return pack(">IB", len(body) + 1, kind) + body


def sent(config: Config, size: int = 1 << 20) -> Config:
    """Send a configuration in pieces of `size` bytes."""
    data = hello() + b"".join(write_config(config))
    reader = ConfigReader()
    for at in range(0, len(data), size):
        assert reader.config is None
        reader.feed(data[at : at + size])
    assert reader.config is not None
    return reader.config


@pytest.mark.parametrize("size", [1, 7, 8192, 1 << 20])
def test_a_configuration_arrives_as_it_was_loaded(load: Load, right: str, size: int) -> None:
    records = "".join(
        f'      - "h{n} A 192.0.2.{n % 256}"\n' for n in range(2500 if size > 7 else 5)
    )
    text = right.replace(
        "listen:",
        f"    records:\n{records}  empty.test: {{nameservers: {{ns.x.test: []}}}}\n"
        "  updated.test: {nameservers: {ns.x.test: []}, updates: [{key: xfr.test, names: ['*'], "
        "types: [A, TXT]}, {key: xfr.test, heads: [shop]}]}\nlisten:",
    )
    config = load(text + EVERYTHING)
    arrived = sent(config, size)
    assert arrived == config
    assert [zone.digest() for zone in arrived.zones] == [zone.digest() for zone in config.zones]
    assert list(arrived.zones[0].records) == list(config.zones[0].records)


def test_the_sample_configuration_arrives_as_it_was_loaded() -> None:
    config = load_config(SAMPLE)
    assert sent(config) == config


def test_all_errors_arrive_in_their_order(load: Load, right: str) -> None:
    records = "".join(f'      - "h{n} A nonsense"\n' for n in range(120))
    with pytest.raises(ConfigErrors) as faults:
        load(right.replace("listen:", f"    records:\n{records}listen:"))
    reader = ConfigReader()
    reader.feed(hello() + b"".join(write_faults(faults.value.errors)))
    assert ConfigErrors(reader.errors).errors == faults.value.errors
    assert reader.config is None


def test_another_version_is_refused_and_the_remedy_named() -> None:
    with pytest.raises(CannotTake, match="run `failoverdns restart`"):
        ConfigReader().feed(frame(Kind.HELLO, b"9.9 1"))


class _Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("trap",)


@pytest.mark.parametrize(
    "data",
    [
        b"Traceback (most recent call last):",
        frame(Kind.CONFIG, b"") + b"\0",
        hello() + frame(Kind.CONFIG, pickle.dumps(_Trap())),
        hello() + frame(Kind.CONFIG, b"cos\nmkdir\n(S'trap'\ntR."),
        hello() + frame(Kind.CONFIG, b"cfailoverdns.model.names\nre\n."),
        hello()
        + frame(Kind.CONFIG, b"\x80\x04\x8c\x17failoverdns.model.names\x8c\x07re.sub\x94\x93."),
        hello() + frame(Kind.NAMES, b"\1\0\0\0\0\0"),
        hello() + frame(Kind.ZONES, pickle.dumps([1])),
        hello() + frame(77, b""),
        hello() + pack(">IB", 0, Kind.NAMES),
    ],
    ids=lambda data: repr(data[-20:]),
)
def test_other_bytes_are_refused_and_nothing_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CannotTake):
        ConfigReader().feed(data)
    assert list(tmp_path.iterdir()) == []


def test_the_format_has_the_version() -> None:
    assert FORMAT.endswith(" 1")
