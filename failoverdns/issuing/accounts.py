"""The account at the CA: opened when it is first needed, and again when the CA has lost it.

There is one account for each ACME directory: with another directory in the configuration, another
account is opened, and orders of the previous one are not touched.
"""

from __future__ import annotations

from weakref import WeakSet

from failoverdns.issuing.directory import CLOCK, TIMEOUT, AcmeProblem, Directory, ExternalBinding
from failoverdns.issuing.effects import IssuingEffects
from failoverdns.model.certificate import Account, Bundle, Secret
from failoverdns.model.commands.certificates import OpenAccount
from failoverdns.model.errors import Malformed, Rejected
from failoverdns.model.settings import AcmeSettings
from failoverdns.pki.key_pairs import new_key
from failoverdns.secret_files import read_secret

KEY_TYPE = "ec256"

HOLD = 900.0
"""Seconds after a failure before another account is opened; longer if the CA asks for it."""

_MAX_KEY = 4096


class Accounts:
    """The account for the configured directory."""

    def __init__(self, settings: AcmeSettings, effects: IssuingEffects) -> None:
        self._settings = settings
        self._effects = effects
        self._opening = False
        self.held_until = 0.0
        """The time before which no account is opened, after a failure."""
        self._is_lost = False
        self._stopped = False
        self._directories: WeakSet[Directory] = WeakSet()

    def known(self) -> Account | None:
        """Return the account; None if there is none, or if the CA has lost it."""
        return None if self._is_lost else self._effects.state().account(self._settings.directory)

    async def current(self) -> tuple[Account, Secret]:
        """Return the account and its key; open an account if there is none.

        Raises AcmeProblem; Rejected `busy` while another caller opens it; Unavailable, Corrupt.
        """
        account = self.known()
        private = await self.private_key(account.key) if account is not None else None
        if account is None or private is None:
            if self._opening:
                raise Rejected("busy", "the account is being opened")
            self._opening = True
            try:
                return await self._open()
            except AcmeProblem as problem:
                self.held_until = self._effects.now() + max(HOLD, problem.retry_after or 0.0)
                raise
            finally:
                self._opening = False
        return account, private

    async def private_key(self, id_: str) -> Secret | None:
        """Return a private key from the vault, or None. Raises Unavailable or Corrupt."""
        bundle = await self._effects.store.bundle(id_)
        return bundle.key if bundle is not None else None

    def lose(self) -> None:
        """Note that the CA has lost the account: it will be opened again, with its key."""
        self._is_lost = True

    def directory(self, key: Secret, uri: str | None) -> Directory:
        """Return a client of the directory, for an account, or without one for opening it."""
        settings = self._settings
        directory = Directory(
            settings.directory,
            key,
            uri,
            ca_file=settings.ca_file,
            timeout=TIMEOUT,
            clock=CLOCK,
        )
        self._directories.add(directory)
        if self._stopped:
            directory.stop()
        return directory

    def stop(self) -> None:
        """End all requests to the CA within seconds."""
        self._stopped = True
        for directory in self._directories:
            directory.stop()

    async def _open(self) -> tuple[Account, Secret]:
        """Open an account, with the key of the account that the CA lost, if that exists."""
        settings, lost = self._settings, self._effects.state().account(self._settings.directory)
        private = await self.private_key(lost.key) if lost is not None else None
        if private is None:
            private = await self._effects.in_thread(lambda: new_key(KEY_TYPE))
        assert private is not None
        directory = self.directory(private, None)
        uri: str = await self._effects.in_thread(
            lambda: directory.register(settings.contact, self._binding())
        )
        id_ = f"account/{settings.directory}"
        account = Account(settings.directory, uri, id_)
        await self._effects.submit(OpenAccount(account, Bundle(id_, "", private)))
        self._is_lost = False
        self._effects.log(f"opened the account {uri}")
        return account, private

    def _binding(self) -> ExternalBinding | None:
        """Read the key of the external account. Blocks. Raises AcmeProblem."""
        external = self._settings.external_account
        if external is None:
            return None
        try:
            text = read_secret(external.hmac_key_file, _MAX_KEY).decode("ascii").strip()
        except (OSError, ValueError, Malformed) as fault:
            raise AcmeProblem(f"{external.hmac_key_file}: {fault}") from None
        return ExternalBinding(external.key_id, text)
