"""Issuing follows the configuration: with a CA, with another one, and with none."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import pytest
from corridors import Corridor
from renewals import World

from failoverdns.issuing.effects import IssuingEffects
from failoverdns.issuing.issuing import Issuing, check_installed, word_of
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.certificates import FailOrder, RequestCertificate, SetChallenges
from failoverdns.pki.anchors import NO_ANCHORS


class Idle:
    """Issuing with nothing to issue, and the coroutines that it began."""

    def __init__(self) -> None:
        corridor = Corridor()
        self.begun: list[object] = []
        self.issuing = Issuing(
            IssuingEffects(
                state=lambda: corridor.ledger.state,
                store=corridor.store,
                submit=lambda command: self.nothing(),
                in_thread=lambda call: self.nothing(),
                pause=self.nothing,
                spawn=self.begin,
                can_record=lambda: True,
                now=lambda: 0.0,
                anchors=lambda: NO_ANCHORS,
                look_up=lambda challenges, targets: [],
                has_resolvers=lambda: False,
                log=lambda text: None,
            )
        )

    async def nothing(self) -> None:
        """Do nothing."""

    def begin(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Note a coroutine that is begun, and end it."""
        coroutine.close()
        self.begun.append(coroutine)


def test_without_a_ca_nothing_is_begun() -> None:
    idle = Idle()
    idle.issuing.configure(None)
    idle.issuing.tick()
    idle.issuing.stop()
    assert not idle.issuing.is_configured
    assert idle.begun == []


def test_a_ca_may_come_change_and_go() -> None:
    """The same settings again change nothing; orders under way with other settings are stopped."""
    idle = Idle()
    one, other = (World.settings_of(f"https://{name}.example/dir") for name in ("a", "b"))
    idle.issuing.configure(one)
    idle.issuing.tick()
    first = len(idle.begun)
    assert first > 0
    assert idle.issuing.is_configured
    idle.issuing.configure(one)
    idle.issuing.tick()
    assert len(idle.begun) == first, "the check that was begun has not ended"
    idle.issuing.configure(other)
    idle.issuing.tick()
    assert len(idle.begun) == 2 * first
    idle.issuing.configure(None)
    idle.issuing.tick()
    assert len(idle.begun) == 2 * first
    assert not idle.issuing.is_configured


def test_the_packages_that_speak_acme_are_installed() -> None:
    check_installed()


@pytest.mark.parametrize(
    ("command", "word"),
    [
        (RequestCertificate("eu"), "acme renew"),
        (SetChallenges("order", ()), "acme challenge"),
        (FailOrder("order", "problem"), "acme failure"),
    ],
)
def test_history_has_a_word_for_each_command_of_issuing(command: Mutation, word: str) -> None:
    assert word_of(command) == word
