"""Domain names: read from text, written back, and compared without regard to case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failoverdns.model.errors import Malformed
from failoverdns.model.names import (
    ROOT,
    DomainName,
    is_address,
    is_configured_name,
    is_group_name,
    is_group_pattern,
    is_label_pattern,
    plain_label,
)

LABELS = st.lists(st.binary(min_size=1, max_size=63), max_size=6).filter(
    lambda labels: sum(map(len, labels)) + len(labels) < 255
)
ORIGIN = DomainName.from_text("failover.test")


@given(LABELS)
def test_a_name_of_any_bytes_is_written_and_read_back_unchanged(labels: list[bytes]) -> None:
    name = DomainName.from_labels(labels)
    assert DomainName.from_text(name.to_text()) == name
    assert DomainName.from_text(name.absolute_text(), ORIGIN) == name


@given(LABELS)
def test_a_name_has_the_labels_that_it_was_made_from_in_lower_case(labels: list[bytes]) -> None:
    assert list(DomainName.from_labels(labels).labels()) == [label.lower() for label in labels]


@given(st.text(max_size=80))
def test_any_text_is_a_name_or_is_refused_as_malformed(text: str) -> None:
    try:
        name = DomainName.from_text(text, ORIGIN)
    except Malformed:
        return
    assert len(name.wire) <= 255
    assert DomainName.from_text(name.absolute_text()) == name


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        pytest.param("a.bc", b"\1a\2bc\0", id="labels between dots"),
        pytest.param("a.bc.", b"\1a\2bc\0", id="a dot at the end"),
        pytest.param(".", b"\0", id="the root"),
        pytest.param("A.bC", b"\1a\2bc\0", id="upper case is folded"),
        pytest.param(r"a\.b.c", b"\3a.b\1c\0", id="an escaped dot is part of the label"),
        pytest.param(r"a\.", b"\2a.\0", id="an escaped dot at the end is part of the label"),
        pytest.param(r"\000\255.c", b"\2\x00\xff\1c\0", id="bytes as three digits"),
        pytest.param(r"\ a", b"\2 a\0", id="an escaped space"),
        pytest.param(r"\065", b"\1a\0", id="a letter as three digits is folded too"),
        pytest.param("*.a", b"\1*\1a\0", id="a wildcard"),
        pytest.param("@", b"\1@\0", id="an at sign without an origin is a letter"),
        pytest.param("a" * 63, b"\x3f" + b"a" * 63 + b"\0", id="a label of 63 bytes"),
    ],
)
def test_text_is_read_as_a_name(text: str, wire: bytes) -> None:
    assert DomainName.from_text(text).wire == wire


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        pytest.param("www", "www.failover.test", id="a relative name is completed"),
        pytest.param("www.", "www", id="a name that ends in a dot is complete"),
        pytest.param("@", "failover.test", id="an at sign is the origin itself"),
        pytest.param(".", ".", id="the root stays the root"),
    ],
)
def test_a_name_in_a_zone_file_is_completed_with_the_origin(text: str, complete: str) -> None:
    assert DomainName.from_text(text, ORIGIN) == DomainName.from_text(complete)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "it is empty", id="nothing"),
        pytest.param("a..b", "it has an empty label", id="two dots in a row"),
        pytest.param("..", "it has an empty label", id="two dots alone"),
        pytest.param(".a", "it has an empty label", id="a dot at the beginning"),
        pytest.param("a" * 64, "a label is 64 bytes long; at most 63", id="a label of 64 bytes"),
        pytest.param(".".join(["a" * 49] * 5 + ["bcde"]), "256 bytes long; at most 255", id="256"),
        pytest.param("a b", "white space", id="a space"),
        pytest.param("a\n", "white space", id="a line break"),
        pytest.param("caf\u00e9", "outside ASCII; write them in A-label form", id="an accent"),
        pytest.param("a\\", "incomplete escape", id="a backslash at the end"),
        pytest.param(r"\25", "incomplete escape", id="two digits"),
        pytest.param(r"\2a5", "incomplete escape", id="a letter among the digits"),
        pytest.param(r"\256", r"\\256 is over \\255", id="three digits over 255"),
    ],
)
def test_an_invalid_name_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        DomainName.from_text(text)


def test_a_name_that_is_only_an_at_sign_is_not_taken_for_the_origin() -> None:
    name = DomainName.from_labels([b"@"])
    assert name.to_text() == r"\@"
    assert DomainName.from_text(name.to_text(), ORIGIN) == name.below(ORIGIN)


def test_a_name_of_255_bytes_is_the_longest() -> None:
    longest = DomainName.from_text(".".join(["a" * 49] * 5 + ["bcd"]))
    assert len(longest.wire) == 255
    with pytest.raises(Malformed, match="at most 255"):
        longest.child("x")
    with pytest.raises(Malformed, match="at most 255"):
        longest.below(ORIGIN)


@pytest.mark.parametrize(
    ("name", "other", "answer"),
    [
        pytest.param("failover.test", "failover.test", True, id="the same name"),
        pytest.param("a.failover.test", "failover.test", True, id="a child"),
        pytest.param("b.a.failover.test", "failover.test", True, id="a descendant"),
        pytest.param("failover.test", ".", True, id="everything is below the root"),
        pytest.param("failover.test", "a.failover.test", False, id="the parent"),
        pytest.param("xfailover.test", "failover.test", False, id="only the same ending"),
        pytest.param("a.example", "failover.test", False, id="another tree"),
    ],
)
def test_a_name_is_at_or_below_another(name: str, other: str, answer: bool) -> None:
    here, there = DomainName.from_text(name), DomainName.from_text(other)
    assert here.is_at_or_below(there) is answer


def test_names_that_differ_only_in_case_are_equal_and_have_the_same_hash() -> None:
    upper, lower = DomainName.from_text("WWW.Failover.TEST"), DomainName.from_text("www", ORIGIN)
    assert upper == lower
    assert {upper: 1}[lower] == 1
    assert upper != "www.failover.test"


def test_a_name_has_a_parent_and_children() -> None:
    www = ORIGIN.child("WWW")
    assert www.to_text() == str(www) == "www.failover.test"
    assert www.parent() == ORIGIN
    assert ROOT.parent() == ROOT
    assert [name.is_root for name in (www, ROOT)] == [False, True]
    assert repr(www) == "DomainName.from_text('www.failover.test')"


@pytest.mark.parametrize("label", ["", "a" * 64])
def test_a_child_needs_a_label_of_1_to_63_bytes(label: str) -> None:
    with pytest.raises(Malformed):
        ORIGIN.child(label)


def test_a_name_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        ORIGIN.wire = b"\0"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        pytest.param("shop", "shop", id="letters"),
        pytest.param("Shop-EU", "shop-eu", id="upper case is folded"),
        pytest.param("414-262-781", "414-262-781", id="digits and hyphens"),
        pytest.param("web_1", "web_1", id="an underscore"),
        pytest.param("a", "a", id="one letter"),
        pytest.param("a" * 63, "a" * 63, id="63 letters"),
    ],
)
def test_a_plain_label_is_accepted_and_folded_to_lower_case(text: str, label: str) -> None:
    assert plain_label(text, "head") == label


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("-a", id="a hyphen at the beginning"),
        pytest.param("a-", id="a hyphen at the end"),
        pytest.param("a.b", id="a dot"),
        pytest.param("a b", id="a space"),
        pytest.param("a\n", id="a line break"),
        pytest.param("{head}", id="braces"),
        pytest.param("caf\u00e9", id="an accent"),
        pytest.param("\u212a", id="the sign for kelvin, which folds to k"),
        pytest.param("a" * 64, id="64 letters"),
    ],
)
def test_an_invalid_label_is_refused_and_the_message_says_what_it_was_for(text: str) -> None:
    with pytest.raises(Malformed, match=r"^head .* cannot be a DNS label: use 1 to 63 letters"):
        plain_label(text, "head")


@pytest.mark.parametrize("text", ["x", "Reload-nginx_2.sh", "-", "x" * 64])
def test_a_name_in_the_configuration_has_letters_digits_and_a_few_signs(text: str) -> None:
    assert is_configured_name(text)


@pytest.mark.parametrize("text", ["", "x" * 65, "a b", "a/b", "é", "a\n"])
def test_any_other_name_in_the_configuration_is_refused(text: str) -> None:
    assert not is_configured_name(text)


def test_a_group_has_a_name_that_begins_and_ends_with_a_letter_or_digit() -> None:
    assert all(map(is_group_name, ("x", "Shop.EU-1_a", "x" * 128)))
    assert not any(map(is_group_name, ("", "-a", "a.", "a b", "shop*", "é", "a\n", "x" * 129)))


def test_a_pattern_of_names_has_asterisks_and_question_marks() -> None:
    assert all(map(is_group_pattern, ("*", "Shop-?", "shop", "x" * 128)))
    assert not any(map(is_group_pattern, ("", "[ab]", "a b", "x" * 129)))
    assert all(map(is_label_pattern, ("*", "shop-?", "web_1", "x" * 63)))
    assert not any(map(is_label_pattern, ("", "Shop", "shop.eu", "x" * 64)))


def test_an_address_is_distinguished_from_a_name() -> None:
    assert all(map(is_address, ("192.0.2.1", "::1", "2001:DB8::1")))
    assert not any(map(is_address, ("", "a.test", "192.0.2", "192.0.2.01", "fe80::1%eth0")))
