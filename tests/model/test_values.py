"""Values are frozen and slotted, all the way down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import FrozenInstanceError, fields, is_dataclass
from importlib import import_module
from pkgutil import iter_modules

import pytest
import samples

import failoverdns.model


def _dataclasses() -> Iterator[type]:
    """Yield every dataclass of the model."""
    for info in iter_modules(failoverdns.model.__path__):
        module = import_module(f"failoverdns.model.{info.name}")
        for value in vars(module).values():
            is_type = isinstance(value, type) and is_dataclass(value)
            if is_type and value.__module__ == module.__name__:
                yield value


DATACLASSES = list(_dataclasses())


@pytest.mark.parametrize("kind", DATACLASSES, ids=lambda kind: kind.__name__)
def test_every_value_of_the_model_is_frozen_and_slotted(kind: type) -> None:
    assert kind.__dataclass_params__.frozen
    assert "__slots__" in vars(kind)


@pytest.mark.parametrize("kind", DATACLASSES, ids=lambda kind: kind.__name__)
def test_no_value_of_the_model_can_hold_a_list_or_a_dict(kind: type) -> None:
    """JSON in the history and in recorded replies is a Mapping: it is read, never changed."""
    kinds = " ".join(str(field.type) for field in fields(kind))
    assert not {"list", "dict", "set"} & set(kinds.replace("[", " ").replace("]", " ").split())


def test_an_assignment_to_a_field_of_a_value_raises() -> None:
    with pytest.raises(FrozenInstanceError):
        samples.eu().name = "other"
