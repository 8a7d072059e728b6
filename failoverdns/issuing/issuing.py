"""Issuing by the configured CA, if there is one: started, reconfigured and stopped.

The packages that speak ACME are optional, and loaded only where a CA is configured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from failoverdns.issuing.effects import IssuingEffects
from failoverdns.model.change import Change
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.certificates import (
    FailOrder,
    IssueCertificate,
    OpenAccount,
    PlaceOrder,
    RequestCertificate,
    SetChallenges,
)
from failoverdns.model.settings import AcmeSettings

if TYPE_CHECKING:
    from failoverdns.issuing.renewing import Renewals

_WORDS: Final[Mapping[type, str]] = {
    OpenAccount: "acme account",
    RequestCertificate: "acme renew",
    PlaceOrder: "acme order",
    SetChallenges: "acme challenge",
    FailOrder: "acme failure",
    IssueCertificate: "acme issue",
}
"""The words for the commands of issuing in history."""


class NotInstalled(Exception):
    """A package that issuing needs is missing; the message says which, and how to install it."""


def check_installed() -> None:
    """Load the packages that issuing needs. Raises NotInstalled."""
    try:
        import failoverdns.issuing.renewing  # noqa: F401
    except ImportError as fault:
        text = f"acme: {fault.name} is not installed: pip install 'failoverdns[acme]'"
        raise NotInstalled(text) from None


class Issuing:
    """Orders and renewals with the configured account; without a CA it does nothing."""

    def __init__(self, effects: IssuingEffects) -> None:
        """Prepare; nothing is ordered before `configure`."""
        self._effects = effects
        self._settings: AcmeSettings | None = None
        self._renewals: Renewals | None = None

    @property
    def is_configured(self) -> bool:
        """True if a CA is configured."""
        return self._settings is not None

    def configure(self, settings: AcmeSettings | None) -> None:
        """Issue with these settings from now on; stop orders that run with other settings."""
        if settings == self._settings:
            return
        renewals = None
        if settings is not None:
            from failoverdns.issuing.renewing import Renewals

            renewals = Renewals(settings, self._effects)
        self.stop()
        self._settings, self._renewals = settings, renewals

    def announce(self, change: Change) -> None:
        """Start the orders that a change has made possible."""
        if self._renewals is not None:
            self._renewals.announce(change)

    def tick(self) -> None:
        """Start the orders and renewals that are due: call it every minute or so."""
        if self._renewals is not None:
            self._renewals.tick()

    def stop(self) -> None:
        """Stop within seconds; orders continue after the next start."""
        if self._renewals is not None:
            self._renewals.stop()


def word_of(command: Mutation) -> str:
    """Return the word for a command of issuing in history."""
    return _WORDS[type(command)]
