"""The command table: tokens for the HTTP API."""

from __future__ import annotations

from typing import Final

from failoverdns.control.language import token_values, values
from failoverdns.control.language.parameters import named
from failoverdns.control.language.rows import CommandRow, Parameter
from failoverdns.model.commands.tokens import AddToken, ListTokens, RemoveToken
from failoverdns.model.roles import ROLE_WORDS

_NAME: Final = named("the name of the token", token_values.token_name)

ROWS: Final = (
    CommandRow(
        "token add",
        "Make a token for the HTTP API, and print its secret once.",
        (
            _NAME,
            Parameter(
                "role", "what it may do", token_values.access_role, "ROLE", choices=ROLE_WORDS
            ),
            Parameter(
                "head",
                "in place of a role: only set the addresses and report the health of this head",
                token_values.head_target,
                "APPLICATION/HEAD",
            ),
            Parameter(
                "groups",
                "limit a reporter or an operator to groups that this pattern matches; can be "
                "repeated",
                values.group_pattern,
                "PATTERN",
                repeated=True,
            ),
            Parameter(
                "expires",
                "after how long, as 90d or 12h, or when, as 2027-03-01T02:00:00Z; default: never",
                token_values.expiry,
                "TIME",
            ),
        ),
        AddToken,
        'token add deploy-bot --role operator --groups "shop-*" --expires 90d',
    ),
    CommandRow(
        "token list",
        "List tokens: their rights, their ends, their last uses.",
        (),
        ListTokens,
        reads=True,
    ),
    CommandRow(
        "token remove",
        "Remove a token, which counts at once.",
        (_NAME,),
        RemoveToken,
        "token remove deploy-bot",
    ),
)
"""Every command about tokens."""
