"""Overrides of pre-flight rules: by name, and only of rules that the command has."""

from __future__ import annotations

from failoverdns.model.errors import Rejected


def check_override(override: tuple[str, ...], rules: tuple[str, ...]) -> None:
    """Raise Rejected `invalid` if `override` names something that is not one of `rules`."""
    unknown = [name for name in override if name not in rules]
    if unknown:
        raise Rejected(
            "invalid",
            f"no rule {', '.join(map(repr, unknown))} to override here: there is "
            + ", ".join(map(repr, rules)),
        )
