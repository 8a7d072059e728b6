"""Tokens of requests, and what wrong ones cost."""

from __future__ import annotations

import pytest

from failoverdns.model.token import ENTROPY, TokenCheck, TokenText, check_of, new_token
from failoverdns.web.authentication import (
    AT_ONCE,
    HELD,
    HELD_OF_ONE,
    SLOW,
    Failures,
    Tokens,
    WrongToken,
    origin_of,
)
from failoverdns.web.problems import Problem

TOKEN = new_token(bytes(ENTROPY))
OTHER = new_token(b"o" * ENTROPY)


def check(token: TokenText, expires: float | None = None) -> TokenCheck:
    return TokenCheck(token.id, check_of(token.digest), expires)


def accepting(*checks: TokenCheck) -> Tokens:
    tokens = Tokens()
    tokens.adopt(checks)
    return tokens


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_right_token_is_accepted(scheme: str) -> None:
    found = accepting(check(TOKEN)).authenticate((f"{scheme} {TOKEN.text}",), 0)
    assert found is not None
    assert (found.id, found.digest) == (TOKEN.id, TOKEN.digest)


def test_a_request_without_a_token_has_nobody() -> None:
    assert accepting(check(TOKEN)).authenticate((), 0) is None


@pytest.mark.parametrize(
    "line",
    [
        f"Bearer {OTHER.text}",
        f"Bearer {TOKEN.text[:-1]}{'a' if TOKEN.text[-1] != 'a' else 'b'}",
        "Bearer",
        "Bearer ",
        "Bearer nonsense",
        f"Bearer {TOKEN.text} {TOKEN.text}",
        f"Bearer {TOKEN.text.upper()}",
    ],
    ids=["unknown", "last letter", "none", "empty", "nonsense", "two", "upper case"],
)
def test_a_wrong_token_is_refused(line: str) -> None:
    with pytest.raises(WrongToken):
        accepting(check(TOKEN)).authenticate((line,), 0)


@pytest.mark.parametrize(
    ("lines", "status"), [(("Basic abc",), 401), (("Bearer a", "Bearer b"), 400)]
)
def test_another_scheme_is_a_problem(lines: tuple[str, ...], status: int) -> None:
    with pytest.raises(Problem) as caught:
        accepting().authenticate(lines, 0)
    assert caught.value.status == status


def test_a_token_that_has_expired_is_refused() -> None:
    tokens = accepting(check(TOKEN, expires=100))
    assert tokens.authenticate((f"Bearer {TOKEN.text}",), 99) is not None
    with pytest.raises(WrongToken):
        tokens.authenticate((f"Bearer {TOKEN.text}",), 100)
    assert tokens.is_valid(TOKEN.id, 99)
    assert not tokens.is_valid(TOKEN.id, 100)


def test_a_removed_token_counts_no_more_and_is_named() -> None:
    tokens = accepting(check(TOKEN), check(OTHER))
    assert tokens.adopt([check(OTHER)]) == {TOKEN.id}
    with pytest.raises(WrongToken):
        tokens.authenticate((f"Bearer {TOKEN.text}",), 0)


def test_a_bearer_does_not_show_its_digest() -> None:
    found = accepting(check(TOKEN)).authenticate((f"Bearer {TOKEN.text}",), 0)
    assert TOKEN.digest.hex() not in repr(found)
    assert "digest" not in repr(found)


def test_the_first_wrong_tokens_are_answered_at_once_and_further_ones_later() -> None:
    failures = Failures()
    assert [failures.hold(b"a", 0) for _ in range(AT_ONCE + 1)] == [*[0.0] * AT_ONCE, SLOW]
    assert failures.hold(b"b", 0) == 0, "another address is not slowed"
    assert failures.count == AT_ONCE + 2


def test_an_address_that_stops_is_answered_at_once_again() -> None:
    failures = Failures()
    for _ in range(AT_ONCE):
        failures.hold(b"a", 0)
    assert failures.hold(b"a", 11) == 0


def test_answers_that_are_held_back_are_bounded_for_an_address_and_in_all() -> None:
    failures = Failures()
    for _ in range(AT_ONCE + HELD_OF_ONE):
        failures.hold(b"a", 0)
    assert failures.hold(b"a", 0) is None
    failures.let_go(b"a")
    assert failures.hold(b"a", 0) == SLOW
    origins = [bytes([number]) for number in range(1 + HELD // HELD_OF_ONE)]
    held = [failures.hold(one, 0) for one in origins for _ in range(AT_ONCE + HELD_OF_ONE)]
    assert held.count(SLOW) == HELD - HELD_OF_ONE
    assert held[-1] is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("nonsense", "", True),
    ],
)
def test_a_network_of_64_bits_counts_as_one_address(one: str, other: str, same: bool) -> None:
    assert (origin_of(one) == origin_of(other)) is same
