"""Roles in their order, and patterns that cover names or narrower patterns."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failoverdns.model.roles import EVERYTHING, ROLE_WORDS, Grant, Rights, Role, is_within, matcher


def test_each_role_includes_those_before_it() -> None:
    assert ROLE_WORDS == ("viewer", "reporter", "operator", "admin")
    for at, role in enumerate(Role):
        assert [other for other in Role if role.includes(other)] == list(Role)[: at + 1]


def test_of_several_roles_the_highest_counts() -> None:
    assert Rights().role is None
    assert Rights((Grant(Role.VIEWER), Grant(Role.OPERATOR), Grant(Role.REPORTER))).role is (
        Role.OPERATOR
    )
    assert EVERYTHING.role is Role.ADMIN


@pytest.mark.parametrize(
    ("name", "patterns", "is_covered"),
    [
        ("shop", ("shop",), True),
        ("shop", ("*",), True),
        ("shop", ("shop-*",), False),
        ("shop-eu", ("blog", "shop-*"), True),
        ("shop-eu", ("sh?p*e?",), True),
        ("shop-eu", ("s*o*p*u",), True),
        ("shop-eu", ("s*x*u",), False),
        ("shop", ("Shop",), False),
        ("shop", (), False),
        ("", ("*",), True),
        ("shop-*", ("shop-*",), True),
        ("shop-*", ("*",), True),
        ("shop-*", ("shop-?*",), False),
        ("shop-?", ("shop-*",), True),
        ("shop-?", ("shop-?",), True),
        ("shop-*", ("shop-eu",), False),
        ("*", ("shop-*",), False),
        ("?*", ("a*", "b*"), False),
        ("shop-*-eu", ("shop-*",), True),
        ("shop-*", ("shop-*-eu",), False),
    ],
)
def test_a_pattern_covers_names_and_narrower_patterns(
    name: str, patterns: tuple[str, ...], is_covered: bool
) -> None:
    assert is_within(name, patterns) == is_covered


LETTERS = st.text("ab*?", max_size=8)


@given(pattern=LETTERS, name=st.text("ab", max_size=8))
def test_a_name_is_covered_as_a_shell_would_match_it(pattern: str, name: str) -> None:
    assert is_within(name, (pattern,)) == fnmatchcase(name, pattern)


@given(pattern=LETTERS, narrower=LETTERS, name=st.text("ab", max_size=6))
def test_what_a_covered_pattern_matches_is_covered(pattern: str, narrower: str, name: str) -> None:
    """So a limited user cannot reach further by a pattern than by names."""
    if is_within(narrower, (pattern,)) and fnmatchcase(name, narrower):
        assert fnmatchcase(name, pattern)


def test_a_grant_with_one_limit_covers_nothing_of_the_other_kind() -> None:
    shops = Grant(Role.OPERATOR, groups=("shop-*",))
    assert shops.covers_group("shop-eu")
    assert not shops.covers_group("blog")
    assert not shops.covers_application("shop-eu")
    assert Grant(Role.OPERATOR).covers_group("blog")
    assert Grant(Role.OPERATOR).covers_application("blog")


@given(st.lists(LETTERS, max_size=3).map(tuple), st.text("ab.+", max_size=8))
def test_a_matcher_of_patterns_agrees_with_their_comparison(
    patterns: tuple[str, ...], name: str
) -> None:
    """It is the same question for a name that is no pattern, only faster for many names."""
    assert matcher(patterns)(name) == is_within(name, patterns)


def test_no_pattern_takes_long_to_compare() -> None:
    """With a step back for each `*`, this one would take longer than the test may."""
    assert not matcher(("*a" * 60 + "*b",))("a" * 128)
