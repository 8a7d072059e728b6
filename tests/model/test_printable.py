"""Text from elsewhere becomes one line that is safe to show."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from failoverdns.model.printable import MAX_TEXT, printable


def test_text_from_elsewhere_is_shown_without_control_characters() -> None:
    assert printable("a\x1b[31m\nb\u202ec") == "a?[31m b?c"


def test_only_the_beginning_of_a_long_text_is_shown() -> None:
    assert printable("x" * MAX_TEXT) == "x" * MAX_TEXT
    assert printable("x" * (MAX_TEXT + 1)) == "x" * MAX_TEXT + "..."
    assert printable("abcd", 3) == "abc..."


@given(st.text())
def test_every_text_becomes_one_printable_line(text: str) -> None:
    assert printable(text).isprintable()
