"""Our account at the CA: opened once, kept in the state, opened again if the CA has lost it.

Its key is in the vault before the CA's answer is relied on, so that a restart finds the same one.
Refuses to know what is ordered with it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

from failoverdns.config import AcmeSettings
from failoverdns.issuing.directory import AcmeProblem, Directory, ExternalBinding
from failoverdns.model.certificate import Account, Bundle, Secret
from failoverdns.model.commands import Mutation, OpenAccount
from failoverdns.model.errors import Rejected
from failoverdns.rules.view import View
from failoverdns.store.interface import Store
from failoverdns.wire.key_pairs import new_key

KEY_TYPE = "ec256"
NO_ACCOUNT = "accountDoesNotExist"


@dataclass(frozen=True, slots=True)
class Means:
    """What orders are carried out with.

    `state` returns the state as it is; `submit` gives a command of the system's own to the ledger
    and raises Rejected if it is refused; `in_thread` makes a blocking call and returns an
    awaitable of its result; `pause` lets others have their turn; `spawn` drives a coroutine to
    its end; `now` tells seconds since 1970; `log` takes what an operator should read.
    """

    state: Callable[[], View]
    store: Store
    submit: Callable[[Mutation], Awaitable[None]]
    in_thread: Callable[[Callable[[], Any]], Awaitable[Any]]
    pause: Callable[[], Awaitable[None]]
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    now: Callable[[], float]
    log: Callable[[str], None]


class OwnAccount:
    """The account that certificates are ordered with."""

    def __init__(self, settings: AcmeSettings, means: Means) -> None:
        self._settings = settings
        self._means = means
        self._opening = False
        self._is_lost = False
        self._directories: WeakSet[Directory] = WeakSet()

    async def directory(self) -> Directory:
        """Return the CA as our account has it, opening the account the first time.

        Raises AcmeProblem, Rejected, Unavailable or Corrupt.
        """
        account = self._known()
        if account is None or self._is_lost:
            if self._opening:
                raise Rejected("busy", "the account is being opened")
            self._opening = True
            try:
                await self._open(account)
                self._is_lost = False
            finally:
                self._opening = False
            account = self._known()
            assert account is not None
        return self._speaking(await private_key(self._means.store, account.key), account.uri)

    def learn(self, problem: AcmeProblem) -> None:
        """Take note of a problem: the CA may not know the account any more."""
        self._is_lost = self._is_lost or problem.code == NO_ACCOUNT

    def stop(self) -> None:
        """End what is under way within seconds."""
        for directory in self._directories:
            directory.stop()

    async def _open(self, lost: Account | None) -> None:
        """Open an account, with the key of one that the CA lost."""
        settings = self._settings
        if lost is None:
            private = await self._means.in_thread(lambda: new_key(KEY_TYPE))
        else:
            private = await private_key(self._means.store, lost.key)
        directory = self._speaking(private, None)
        uri: str = await self._means.in_thread(
            lambda: directory.register(settings.contact, self._binding())
        )
        id_ = f"account/{settings.directory}"
        await self._means.submit(
            OpenAccount(Account(settings.directory, uri, id_), Bundle(id_, "", private))
        )
        self._means.log(f"opened the account {uri}")

    def _binding(self) -> ExternalBinding | None:
        """Read the external account's key; raises AcmeProblem. Called in a thread."""
        external = self._settings.external_account
        if external is None:
            return None
        try:
            text = external.hmac_key_file.read_text("ascii").strip()
        except (OSError, ValueError) as fault:
            raise AcmeProblem(f"{external.hmac_key_file}: {fault}") from None
        return ExternalBinding(external.key_id, text)

    def _speaking(self, key: Secret, uri: str | None) -> Directory:
        settings = self._settings
        directory = Directory(settings.directory, key, uri, ca_file=settings.ca_file)
        self._directories.add(directory)
        return directory

    def _known(self) -> Account | None:
        return self._means.state().account(self._settings.directory)


async def private_key(store: Store, id_: str | None) -> Secret:
    """Return a private key from the vault; raises Rejected, Unavailable or Corrupt."""
    bundle = await store.bundle(id_ or "")
    if bundle is None:
        raise Rejected("invalid", "its private key is not in the vault")
    return bundle.key
