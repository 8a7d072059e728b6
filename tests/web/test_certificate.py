"""The certificate of HTTPS from the vault: followed, and missed with the reason in the log."""

from __future__ import annotations

from driving import run

from failoverdns.model.certificate import Bundle, Secret
from failoverdns.net.tls_material import TLSMaterial
from failoverdns.web.certificate import Vault, VaultCertificate


class Stored:
    """The bundle of the application `shop`, if it has one; reading it may fail."""

    def __init__(self) -> None:
        self.id: str | None = None
        self.fault: Exception | None = None
        self.followed = VaultCertificate(Vault(self.current, self.bundle), "shop")

    def current(self, name: str) -> str | None:
        """Return the id of the bundle."""
        return self.id if name == "shop" else None

    async def bundle(self, id_: str) -> Bundle | None:
        """Return the bundle; one that is named `gone` was just removed."""
        if self.fault is not None:
            raise self.fault
        return None if id_ == "gone" else Bundle(id_, f"chain of {id_}", Secret(f"key of {id_}"))


def test_the_certificate_of_the_moment_is_read_and_its_successor_is_noticed() -> None:
    stored = Stored()
    stored.id = "a"
    assert not stored.followed.is_current
    assert run(stored.followed.read()) == TLSMaterial(b"chain of a", b"key of a")
    assert stored.followed.is_current
    stored.id = "b"
    assert not stored.followed.is_current
    assert run(stored.followed.read()) == TLSMaterial(b"chain of b", b"key of b")


def test_without_a_certificate_there_is_nothing_to_follow() -> None:
    """One that was used stays in use, because the alternative is no HTTPS at all."""
    stored = Stored()
    assert stored.followed.is_current
    assert run(stored.followed.read()) is None
    stored.id = "a"
    assert run(stored.followed.read()) is not None
    stored.id = None
    assert not stored.followed.is_current  # the log has to have that, once
    assert run(stored.followed.read()) is None
    assert stored.followed.is_current
    stored.id = "b"
    assert run(stored.followed.read()) == TLSMaterial(b"chain of b", b"key of b")


def test_a_certificate_that_cannot_be_read_is_tried_again_at_the_next_change() -> None:
    stored = Stored()
    stored.id, stored.fault = "a", OSError("the disk is gone")
    assert run(stored.followed.read()) is None
    assert not stored.followed.is_current
    stored.fault = None
    assert run(stored.followed.read()) is not None
    stored.id = "gone"
    assert run(stored.followed.read()) is None
    assert not stored.followed.is_current
