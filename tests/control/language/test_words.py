"""Words are split as a shell splits them, and in a time that only their length decides."""

from __future__ import annotations

import shlex
import time
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from failoverdns.control.language.words import MAX_WORDS, split_words

MOST = 5000

texts = st.text(st.sampled_from("ab =-'\"\\ \t\r\n\u3000é")) | st.text()


@given(texts)
@example("a\\")
@example('"a\\')
@example("'a\\")
@example('"a\'b\\"c\\d"e\'\'"" f')
def test_words_are_split_as_shlex_splits_them(text: str) -> None:
    """Also where quotes are left open: the reason is the same."""
    text = text.strip()
    if not set(text) & set("'\"\\"):
        assert split_words(text, MOST) == text.split()
        return
    try:
        expected = shlex.split(text)
    except ValueError as fault:
        with pytest.raises(ValueError, match=f"^{fault}$"):
            split_words(text, MOST)
    else:
        assert split_words(text, MOST) == expected


@pytest.mark.parametrize(
    "text",
    [
        '"' + "a" * (MAX_WORDS - 1),
        '"' + "\\a" * (MAX_WORDS // 2 - 1),
        '"' + "a" * (MAX_WORDS - 2) + "\\",
        "'" + "a" * (MAX_WORDS - 1),
        "a" + "''" * (MAX_WORDS // 2 - 1) + "'",
        "\\a" * (MAX_WORDS // 2 - 1) + "\\",
        "'a' " * (MAX_WORDS // 4),
    ],
    ids=["open", "escapes", "escape at the end", "single", "empty", "backslashes", "many"],
)
def test_no_text_takes_long_to_split(text: str) -> None:
    """Quotes that are left open are not looked for again from every place."""
    began = time.process_time()
    with suppress(ValueError):
        split_words(text, MOST)
    assert time.process_time() - began < 1


def test_a_text_with_too_many_words_is_read_no_further() -> None:
    """One word more shows that there are too many."""
    assert split_words("'a' " * 100, 10) == ["a"] * 11
