"""Unrecorded steps as texts: each is read as it was written."""

from __future__ import annotations

import pytest
from unwritable import build, fail_over

from failoverdns.model.errors import Corrupt
from failoverdns.store.memory import MemoryStore
from failoverdns.store.step_documents import read_step, write_step


def test_a_step_is_read_as_it_was_written() -> None:
    """With each entity whole, before and after."""
    shop = build(MemoryStore())
    shop.store.unreachable = True
    fail_over(shop)
    steps = shop.ledger.overlay.steps
    assert [read_step(write_step(step)) for step in steps] == list(steps)
    assert shop.kept == list(steps)
    shop.store.unreachable = False
    shop.ledger.resume()
    assert shop.kept == []


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"revision": 1}', "\ud800"])
def test_a_text_that_holds_no_step_is_refused(text: str) -> None:
    """It may be from another version."""
    with pytest.raises(Corrupt, match="not a step of this version"):
        read_step(text)
