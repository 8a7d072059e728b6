"""The encryption of the vault: private keys are encrypted at rest, with a separate key file.

The cipher is AES-256-GCM (NIST SP 800-38D) with a random nonce for each bundle; the bundle's id is
authenticated, so that ciphertexts cannot be exchanged.  The key file holds one key a line, in
base64, the one in use first; during a rotation it holds two, so that a crash at any moment loses
nothing.  The database alone, or with an older key file, does not reveal a private key.

The second line is a *marker*: bytes derived from the key, which say that the state of this key file
is authenticated (`store.authentication`).  To version 0.1.0 it is an older key, and harmless.
"""

from __future__ import annotations

import os
import stat
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from failoverdns.model.errors import Corrupt
from failoverdns.store.whole_file import read_all, replace_file

KEY_BYTES = 32
_NONCE_BYTES = 12
_OTHERS = 0o077
_MAX_FILE = 1 << 20
_MARKER = b"failoverdns marker of an authenticated state"


class Vault:
    """Encrypts and decrypts with the keys of a key file; nothing is opened before `open`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._keys: dict[str, bytes] = {}
        self._current = ""
        self.is_marked = False
        """True if the key file says that its state is authenticated."""

    @property
    def current(self) -> str:
        """Return the name of the key in use."""
        return self._current

    @property
    def is_open(self) -> bool:
        """True after `open`."""
        return bool(self._keys)

    @property
    def is_rotating(self) -> bool:
        """True if the key file holds an old key besides the one in use."""
        return len(self._keys) > 1

    def open(self, *, may_create: bool) -> None:
        """Read the key file; create one if there is none and `may_create` is true.

        Raises Corrupt, with what is wrong and what to do.
        """
        try:
            self._open(may_create=may_create)
        except OSError as fault:
            raise Corrupt(f"{self.path}: {fault.strerror}: it holds the key of the vault") from None

    def _open(self, *, may_create: bool) -> None:
        if not self.path.exists():
            if not may_create:
                raise Corrupt(
                    f"{self.path}: the key file is missing, and private keys are encrypted with "
                    "it: put it back from a backup; or, to go on without these keys, make a new "
                    f"one (umask 077; head -c {KEY_BYTES} /dev/urandom | base64 > {self.path}) and "
                    "install the certificates again"
                )
            self._write([os.urandom(KEY_BYTES)])
        found = self._read()
        markers = {_derived(key, _MARKER, KEY_BYTES) for key in found}
        keys = [key for key in found if key not in markers]
        self.is_marked = len(keys) < len(found)
        self._keys = {key_id(key): key for key in keys}
        self._current = key_id(keys[0])

    def derived(self, id_: str, purpose: bytes, size: int) -> bytes | None:
        """Return a secret of `size` bytes for one purpose, derived from the key with this name.

        None if the key file does not have that key.
        """
        key = self._keys.get(id_)
        return _derived(key, purpose, size) if key is not None else None

    def mark(self) -> None:
        """Note in the key file that its state is authenticated; raises OSError."""
        if not self.is_marked:
            self.is_marked = True
            try:
                self._write(list(self._keys.values()))
            except BaseException:
                self.is_marked = False
                raise

    def encrypt(self, id_: str, text: str) -> str:
        """Return the ciphertext of a private key, under the id of its bundle."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self._keys[self._current]).encrypt(nonce, text.encode(), id_.encode())
        return f"{self._current}:{b64encode(nonce + sealed).decode()}"

    def decrypt(self, id_: str, ciphertext: str) -> str:
        """Return the private key of a bundle; raises Corrupt if no key of the file opens it."""
        used, _, encoded = ciphertext.partition(":")
        key = self._keys.get(used)
        if key is None:
            raise Corrupt(
                f"the private key of {id_} is encrypted with the key {used}, which is not in "
                f"{self.path}: put that key file back, or install the certificate again"
            )
        try:
            data = b64decode(encoded, validate=True)
            nonce, sealed = data[:_NONCE_BYTES], data[_NONCE_BYTES:]
            return AESGCM(key).decrypt(nonce, sealed, id_.encode()).decode()
        except (InvalidTag, ValueError):
            text = f"the private key of {id_} is damaged: install the certificate again"
            raise Corrupt(text) from None

    def uses_current(self, ciphertext: str) -> bool:
        """Return whether a ciphertext was made with the key in use."""
        return ciphertext.partition(":")[0] == self._current

    def begin_rotation(self) -> None:
        """Create a key and use it from now on, and keep the old one; raises OSError.

        A rotation that could not be ended is continued: its key is in use already.
        """
        if self.is_rotating:
            return
        keys = [os.urandom(KEY_BYTES), *self._keys.values()]
        self._write(keys)
        self._keys = {key_id(key): key for key in keys}
        self._current = key_id(keys[0])

    def end_rotation(self) -> None:
        """Delete all keys but the one in use; raises OSError."""
        key = self._keys[self._current]
        self._write([key])
        self._keys = {self._current: key}

    def _read(self) -> list[bytes]:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self._check(os.fstat(descriptor))
            text = read_all(descriptor, _MAX_FILE)
        finally:
            os.close(descriptor)
        if text is None:
            raise Corrupt(f"{self.path}: is not a key file: it has more than {_MAX_FILE} bytes")
        try:
            keys = [b64decode(line, validate=True) for line in text.split()]
        except ValueError:
            keys = []
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise Corrupt(
                f"{self.path}: is not a key file: it holds {KEY_BYTES} bytes in base64; put it "
                "back from a backup"
            )
        return keys

    def _check(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise Corrupt(f"{self.path}: is not a regular file")
        if status.st_uid != os.geteuid():
            raise Corrupt(
                f"{self.path}: belongs to the user {status.st_uid}, but failoverdns runs as "
                f"{os.geteuid()}: chown it"
            )
        if status.st_mode & _OTHERS:
            mode = stat.S_IMODE(status.st_mode)
            raise Corrupt(
                f"{self.path}: its mode is {mode:04o}, so others may read it: chmod 600; and if "
                "they did, rotate the key with `failoverdns certificate rotate-key`"
            )

    def _write(self, keys: list[bytes]) -> None:
        """Write the key file, completely or not at all; raises OSError."""
        marker = [_derived(keys[0], _MARKER, KEY_BYTES)] if self.is_marked else []
        lines = [keys[0], *marker, *keys[1:]]
        replace_file(self.path, b"".join(b64encode(line) + b"\n" for line in lines))


def _derived(key: bytes, purpose: bytes, size: int) -> bytes:
    return HKDF(SHA256(), size, salt=None, info=purpose).derive(key)


def key_id(key: bytes) -> str:
    """Return the name of a key in ciphertexts; it does not reveal the key."""
    return sha256(b"failoverdns key file\0" + key).hexdigest()[:16]
