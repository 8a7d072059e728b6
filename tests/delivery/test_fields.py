"""Header fields: the entity tags that a client has, and how long it will wait."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failoverdns.delivery.fields import entity_tags, wait_preference

TAGS = [
    ((), set()),
    (['"a"'], {'"a"'}),
    (['W/"a"'], {'"a"'}),
    (['"a", W/"b" ,"c,d"'], {'"a"', '"b"', '"c,d"'}),
    (['"a"', '"b"'], {'"a"', '"b"'}),
    ([" * "], {"*"}),
    (["a"], set()),
    (['"a", "open'], {'"a"'}),
]
"""Lines of If-None-Match, and the tags in them."""

WAITS = [
    ((), 0),
    (["wait=10"], 10),
    (["WAIT = 10"], 10),
    (['wait="10"'], 10),
    (["respond-async, wait=10"], 10),
    (["respond-async", "wait=10"], 10),
    (["wait=10; x=1"], 10),
    (["handling=lenient; wait=10"], 0),
    (['note="a, wait=10"'], 0),
    (['note="\\", wait=9", wait=10'], 10),
    (["wait=10, wait=20"], 10),
    (["wait=soon, wait=20"], 0),
    (["wait"], 0),
    (["wait=-1"], 0),
    (["wait=1.5"], 0),
    (["wait=\u0661"], 0),
    (["wait=9999999999"], 0),
    (["await=10"], 0),
]
"""Lines of Prefer, and the seconds that the client will wait."""


@pytest.mark.parametrize(("lines", "tags"), TAGS)
def test_the_entity_tags_of_a_client_are_read(lines: list[str], tags: set[str]) -> None:
    """Weak or strong, several, on several lines; malformed tags are ignored."""
    assert entity_tags(lines) == tags


@pytest.mark.parametrize(("lines", "seconds"), WAITS)
def test_the_wait_preference_of_a_client_is_read(lines: list[str], seconds: int) -> None:
    """In the forms that RFC 7240 allows; anything else means that it does not wait."""
    assert wait_preference(lines) == seconds


@given(st.lists(st.text(max_size=30), max_size=4))
def test_any_header_is_read(lines: list[str]) -> None:
    """Nothing is raised."""
    entity_tags(lines)
    assert wait_preference(lines) >= 0


@pytest.mark.parametrize("text", ['"' * 16000, '"' + '\\"' * 8000, "," * 16000, '";' * 8000])
def test_the_longest_header_is_read_in_no_time(text: str) -> None:
    """Reading is linear: a header of the largest size costs milliseconds."""
    began = time.process_time()
    entity_tags([text])
    wait_preference([text])
    assert time.process_time() - began < 2
