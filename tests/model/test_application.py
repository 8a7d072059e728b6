"""Applications: finding heads by name, and targets as texts."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
import samples

from failoverdns.model.application import Addresses, Hostname, Nothing, Target, target_texts

V4, V6 = IPv4Address("192.0.2.1"), IPv6Address("2001:db8::1")


def test_a_head_is_found_by_its_name() -> None:
    application = samples.eu()
    assert application.head("lb1") is application.heads[0]
    assert application.head("lb2") is None


@pytest.mark.parametrize(
    ("target", "texts"),
    [
        pytest.param(Addresses((V4,), (V6,)), ["192.0.2.1", "2001:db8::1"], id="addresses"),
        pytest.param(Hostname(samples.name("lb.example")), ["lb.example"], id="a hostname"),
        pytest.param(Nothing(), [], id="nothing"),
    ],
)
def test_a_target_is_shown_as_texts(target: Target, texts: list[str]) -> None:
    assert target_texts(target) == texts
