"""Every kind of entity has its rows in the registries."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

import pytest

from failoverdns import model
from failoverdns.model.entity import Entity
from failoverdns.rules.reports.changes_in_words import WORDS
from failoverdns.store.entity_documents import KINDS


def kinds() -> dict[str, type[Entity]]:
    """The kinds of entities by name: a slotted dataclass is made from a class without slots."""
    for module in iter_modules(model.__path__, "failoverdns.model."):
        import_module(module.name)
    ours = (kind for kind in Entity.__subclasses__() if kind.__module__.startswith("failoverdns."))
    return {kind.__name__: kind for kind in ours}


def test_every_kind_of_entity_has_words_for_history() -> None:
    assert {kind.__name__ for kind in WORDS} == kinds().keys()


def test_every_kind_of_entity_that_is_stored_has_a_document() -> None:
    stored = {name for name, kind in kinds().items() if kind.IS_STORED}
    assert {kind.__name__ for kind in KINDS} == stored
    assert stored < kinds().keys()


def test_every_kind_of_entity_is_stored_under_a_different_word() -> None:
    words = [kind.word for kind in KINDS.values()]
    assert len(set(words)) == len(words)


def test_a_kind_of_entity_must_define_its_identity() -> None:
    with pytest.raises(NotImplementedError):
        Entity().identity  # noqa: B018
