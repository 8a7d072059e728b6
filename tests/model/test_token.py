"""Tokens are written and read, and are recognized without being known."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failoverdns.model.errors import Malformed
from failoverdns.model.roles import Role
from failoverdns.model.token import (
    ENTROPY,
    NO_TOKEN,
    Token,
    TokenCheck,
    TokenText,
    check_of,
    new_token,
    read_token,
)

GIVEN = new_token(bytes(range(ENTROPY)))


def test_a_token_has_its_id_and_its_secret_in_base32() -> None:
    """The form is fixed, because other programs recognize secrets by it."""
    assert GIVEN.text.startswith("fdns_aaaqeayeau_")
    assert len(GIVEN.text) == 5 + 10 + 1 + 52


@given(st.binary(min_size=ENTROPY, max_size=ENTROPY))
@settings(max_examples=60)
def test_every_token_is_read_as_it_was_written(entropy: bytes) -> None:
    """What is printed can be sent back."""
    made = new_token(entropy)
    assert read_token(made.text) == made
    assert made.text not in repr(made)


@given(st.text(max_size=80))
@settings(max_examples=60)
def test_anything_else_is_refused_and_not_quoted(text: str) -> None:
    """A refusal may be logged, so that it must not hold what may be a secret."""
    with pytest.raises(Malformed) as refusal:
        read_token(text)
    assert len(text) < 4 or text not in str(refusal.value)


@pytest.mark.parametrize(
    "change",
    [str.upper, lambda t: t + "\n", lambda t: " " + t, lambda t: t[:-1], lambda t: t[:-1] + "1"],
    ids=["upper case", "newline", "space", "too short", "digit 1"],
)
def test_a_token_is_taken_exactly_as_it_is(change: object) -> None:
    """Nothing is folded or trimmed, so that a token has one form."""
    assert callable(change)
    with pytest.raises(Malformed):
        read_token(change(GIVEN.text))


def test_too_few_random_bytes_are_a_defect() -> None:
    """No token is made of less than its whole entropy."""
    with pytest.raises(ValueError, match="39 random bytes"):
        new_token(bytes(ENTROPY - 1))


def test_the_digest_and_the_check_are_sha256() -> None:
    """They are as the documentation describes them."""
    digest = sha256(GIVEN.text.encode()).digest()
    assert GIVEN.digest == digest
    assert check_of(digest) == sha256(digest).digest()


def test_a_check_accepts_its_token_until_it_expires() -> None:
    """The first moment at which a token has expired is the one that was given."""
    check = TokenCheck(GIVEN.id, check_of(GIVEN.digest), expires=100.0)
    assert check.accepts(GIVEN, 99.9)
    assert not check.accepts(GIVEN, 100.0)
    assert not check.accepts(TokenText(GIVEN.id, GIVEN.text[:-1] + "2"), 0.0)


def test_an_unknown_id_accepts_nothing() -> None:
    """The value that unknown ids are compared with fits no token."""
    assert not NO_TOKEN.accepts(GIVEN, -1.0)


def test_a_token_of_the_state_recognizes_its_text() -> None:
    """A log line with a token does not show its check value."""
    check = check_of(GIVEN.digest).hex()
    token = Token(GIVEN.id, "bot", Role.VIEWER, None, None, check, created=1.0)
    assert token.token_check == TokenCheck(GIVEN.id, check_of(GIVEN.digest), None)
    assert token.token_check.accepts(GIVEN, 1e12)
    assert not token.is_expired(1e12)
    assert check not in repr(token)
