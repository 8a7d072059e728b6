"""A section becomes a value with the same fields, and none of its keys is lost."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from failoverdns.config.certificates import (
    AcmeSection,
    CertificatesSection,
    ExternalAccountSection,
)
from failoverdns.config.checks import CheckSection
from failoverdns.config.control import ControlSection, RoleSection
from failoverdns.config.delivery import DeliverySection
from failoverdns.config.hooks import HookSection
from failoverdns.config.policies import PolicySection
from failoverdns.config.protection import (
    CookiesSection,
    QueryLogSection,
    RateLimitSection,
    TCPSection,
)
from failoverdns.config.safety_rules import AssertSection, GateSection
from failoverdns.config.section import FilePath, Section
from failoverdns.config.sections import IdentitySection, StateSection
from failoverdns.model.health import Check, HttpExpectation, TlsExpectation
from failoverdns.model.limits import RateLimits
from failoverdns.model.policy import Assertion, Gate, Policy
from failoverdns.model.roles import Grant
from failoverdns.model.settings import (
    AcmeSettings,
    CertificateSettings,
    ControlSettings,
    CookieSettings,
    DeliverySettings,
    ExternalAccount,
    HookSettings,
    Identity,
    QueryLogSettings,
    StateSettings,
    TCPSettings,
)

VALUES: list[tuple[type[Section], tuple[type, ...], set[str]]] = [
    # a section, the values that it becomes, and the keys that have no meaning after loading
    (ControlSection, (ControlSettings,), {"allow"}),
    (RoleSection, (Grant,), set()),
    (StateSection, (StateSettings,), set()),
    (IdentitySection, (Identity,), set()),
    (CertificatesSection, (CertificateSettings,), set()),
    (DeliverySection, (DeliverySettings,), set()),
    (HookSection, (HookSettings,), set()),
    (AcmeSection, (AcmeSettings,), {"accept_terms"}),
    (ExternalAccountSection, (ExternalAccount,), set()),
    (TCPSection, (TCPSettings,), set()),
    (CookiesSection, (CookieSettings,), set()),
    (RateLimitSection, (RateLimits,), set()),
    (QueryLogSection, (QueryLogSettings,), set()),
    (CheckSection, (Check, HttpExpectation, TlsExpectation), set()),
    (PolicySection, (Policy,), set()),
    (AssertSection, (Assertion,), {"on"}),
    (GateSection, (Gate,), set()),
]


@dataclass(frozen=True, slots=True)
class Value:
    """The value that the section below becomes."""

    file: Path
    words: tuple[str, ...]
    number: int = 1
    other: str = ""


class Written(Section):
    """A section with a key that its value does not have."""

    file: FilePath = Path("file")
    words: list[str]
    number: int = 2
    unknown: int = 3


def test_a_value_has_the_fields_of_its_section() -> None:
    expected = Value(Path("/folder/file"), ("a", "b"), 2, "x")
    assert Written(words=["a", "b"]).into(Value, Path("/folder"), other="x") == expected
    assert Written(words=["a", "b"]).into(Value, Path("/folder"), number=5) == Value(
        Path("/folder/file"), ("a", "b"), 5
    )


@pytest.mark.parametrize(
    ("section", "values", "gone"), VALUES, ids=[section.__name__ for section, *_ in VALUES]
)
def test_every_key_of_a_section_is_in_a_value(
    section: type[Section], values: tuple[type, ...], gone: set[str]
) -> None:
    """A key whose name differs from the field's would be lost without an error."""
    known = {field.name for value in values for field in fields(value)}
    assert section.model_fields.keys() - known == gone
