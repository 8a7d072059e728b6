"""Commands about tokens as they are typed: what is wrong, and what would be right."""

from __future__ import annotations

import pytest

from failoverdns.control.language.requests import Unreadable, read_request
from failoverdns.model.commands.tokens import AddToken, Lifetime
from failoverdns.model.roles import Role


@pytest.mark.parametrize(
    ("text", "expires"),
    [
        ("90", Lifetime(90)),
        ("30m", Lifetime(1800)),
        ("12h", Lifetime(43200)),
        ("400d", Lifetime(400 * 86400)),
        ("1970-01-01T00:02:00Z", 120.0),
        ("1970-01-01T01:02:00+01:00", 120.0),
    ],
)
def test_an_end_is_a_duration_or_a_time(text: str, expires: object) -> None:
    command = read_request(f"token add bot --role viewer --expires {text}".encode()).command
    assert command == AddToken("bot", Role.VIEWER, expires=expires)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("token add bot --role root", "--role: must be 'viewer' or 'reporter' or 'operator'"),
        ("token add 'a b' --role viewer", "NAME: 'a b' must be 1 to 64 letters"),
        ("token add bot --head eu", "'eu' is an application: write APPLICATION/HEAD"),
        ("token add bot --head eu/", "--head: head '' cannot be a DNS label"),
        ("token add bot --role operator --groups 'a b'", "'a b' cannot match a group; write"),
        ("token add bot --role viewer --expires soon", "'soon' is neither a duration, such as"),
        ("token add bot --role viewer --expires 1w", "'1w' is neither a duration, such as"),
        ("token add bot --role viewer --expires 2027-01-01", "nor a time with its zone, such as"),
        ("token add bot --role viewer --expires -5", "'-5' is neither"),
        ("token add", "NAME is missing"),
        ("token remove", "NAME is missing"),
        ('{"command": "token add", "name": "x", "role": "viewer", "expires": 5}', "a string, not"),
    ],
)
def test_what_is_wrong_gets_a_message_that_says_what_would_be_right(
    line: str, message: str
) -> None:
    with pytest.raises(Unreadable) as caught:
        read_request(line.encode())
    assert caught.value.refusal.code == "invalid"
    assert message in caught.value.refusal.message
