"""Sections that need a restart are reported; everything else may change at run time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from failoverdns.config.reloading import takes_restart
from failoverdns.model.settings import Config

Load = Callable[[str | bytes], Config]

DELIVERY = (
    'delivery: {listen: ["192.0.2.53:8443"], certificate: a.pem, key: a.key, client_ca: ca.pem, '
    "clients: {web1.internal: [shop]}}\n"
)
ACME = "acme: {directory: letsencrypt, accept_terms: true}\n"

KEY = "tsig_keys: {xfr.test: {secret_file: xfr.key}}"

FIXED = [
    # a section that exists before and not after, or the other way round; the sections reported
    ("control: {socket: other.sock}", ("control",)),
    ('control: {mode: "0600"}', ("control",)),
    ("control: {group: operators}", ("control",)),
    ("state: {sqlite: other.db}", ("state",)),
    ("querylog: {file: queries.json}", ("querylog",)),
    ("workers: 2", ("workers",)),
    ("user: root", ("user",)),
    ("certificates: {key_file: other.key}", ("certificates",)),
    (DELIVERY, ("delivery",)),
    ("workers: 2\ncertificates: {key_file: other.key}", ("workers", "certificates")),
]

FREE = [
    'resolvers: ["192.0.2.1:53"]',
    "control: {allow: [deploy]}",
    'control: {roles: {alice: admin, "@monitoring": reporter}}',
    "control: {roles: {}}",
    "identity: {id: ns1}",
    "tcp: {idle_timeout: 5}",
    "cookies: {answer: false}",
    "rate_limit: {}",
    "hooks: {told: {run: /bin/true, events: [role]}}",
    "checks: {web: {type: http}}",
    "policies: {automatic: {mode: automatic}}",
    "safety_rules: {settle: {wait: 600}}",
    ACME,
    KEY,
    f"{KEY}\nsecondaries: {{ns2: {{address: 192.0.2.2, key: xfr.test}}}}",
    f"{KEY}\nsecondaries: {{ns2: {{address: 192.0.2.2, key: xfr.test}}}}\ncatalog: c.test",
    "tls: {listen: ['127.0.0.1:853'], certificate: a.pem, key: a.key}",
]


@pytest.mark.parametrize(("text", "sections"), FIXED)
def test_a_change_of_this_section_needs_a_restart(
    load: Load, right: str, text: str, sections: tuple[str, ...]
) -> None:
    """Whether the section is added or removed."""
    without, with_it = load(right), load(f"{right}{text}\n")
    assert takes_restart(without, with_it) == sections
    assert takes_restart(with_it, without) == sections
    assert takes_restart(with_it, load(f"{right}{text}\n")) == ()


@pytest.mark.parametrize("text", FREE)
def test_a_change_of_this_section_needs_no_restart(load: Load, right: str, text: str) -> None:
    changed = load(f"{right}{text}\n")
    assert changed != load(right)
    assert takes_restart(load(right), changed) == ()


def test_zones_and_addresses_may_change_at_run_time(load: Load, right: str) -> None:
    changed = right.replace("127.0.0.1:5300", "127.0.0.1:5301").replace("192.0.2.53", "192.0.2.54")
    assert takes_restart(load(right), load(changed)) == ()


def test_the_default_key_file_moves_with_the_state_and_is_not_reported_separately(
    load: Load, right: str
) -> None:
    """By default it is beside the state, so only the move of the state is reported."""
    moved = load(right + "state: {sqlite: other.db}\n")
    assert moved.certificates != load(right).certificates
    assert takes_restart(load(right), moved) == ("state",)


@pytest.mark.parametrize(
    ("old", "new", "sections"),
    [
        ("{web1.internal: [shop]}", "{}", ()),
        ("192.0.2.53:8443", "192.0.2.53:8444", ("delivery",)),
        ("a.pem", "b.pem", ("delivery",)),
        ("a.key", "b.key", ("delivery",)),
        ("ca.pem", "other.pem", ("delivery",)),
        ("key: a.key", f"key: a.key, revoked: ['{'0' * 64}']", ()),
        ("key: a.key", "key: a.key, client_crl: a.crl", ()),
    ],
    ids=["clients", "address", "certificate", "key", "client_ca", "revoked", "client_crl"],
)
def test_only_the_clients_of_the_delivery_may_change_at_run_time(
    load: Load, right: str, old: str, new: str, sections: tuple[str, ...]
) -> None:
    changed = load(right + DELIVERY.replace(old, new))
    assert changed != load(right + DELIVERY)
    assert takes_restart(load(right + DELIVERY), changed) == sections
