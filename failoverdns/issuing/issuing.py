"""Issuing by the CA that is configured, if there is one: begun, replaced and ended.

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
"""The words that history has for the commands of issuing."""


class NotInstalled(Exception):
    """A package that issuing needs is missing: says which one, and how to install it."""


def check_installed() -> None:
    """Load what issuing needs; raises NotInstalled."""
    try:
        import failoverdns.issuing.renewing  # noqa: F401
    except ImportError as fault:
        text = f"acme: {fault.name} is not installed: pip install 'failoverdns[acme]'"
        raise NotInstalled(text) from None


class Issuing:
    """Orders and renewals with the account that is configured; without one it does nothing."""

    def __init__(self, effects: IssuingEffects) -> None:
        """Build; nothing is ordered before `configure`."""
        self._effects = effects
        self._settings: AcmeSettings | None = None
        self._renewals: Renewals | None = None

    @property
    def is_configured(self) -> bool:
        """True if there is a CA to issue certificates."""
        return self._settings is not None

    def configure(self, settings: AcmeSettings | None) -> None:
        """Issue with these settings from now on; what runs with other settings is ended."""
        if settings == self._settings:
            return
        renewals = None
        if settings is not None:
            from failoverdns.issuing.renewing import Renewals

            renewals = Renewals(settings, self._effects)
        self.stop()
        self._settings, self._renewals = settings, renewals

    def announce(self, change: Change) -> None:
        """Begin what a change has made possible."""
        if self._renewals is not None:
            self._renewals.announce(change)

    def tick(self) -> None:
        """Begin what is due: call it every minute or so."""
        if self._renewals is not None:
            self._renewals.tick()

    def stop(self) -> None:
        """End what runs, within seconds; it goes on after the next start."""
        if self._renewals is not None:
            self._renewals.stop()


def word_of(command: Mutation) -> str:
    """Return the word that history has for a command which issuing submits."""
    return _WORDS[type(command)]
