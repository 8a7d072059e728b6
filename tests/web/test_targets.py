"""The first line of a request: its path, query and authority, or why it is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failoverdns.web.problems import Problem
from failoverdns.web.targets import MAX_TARGET, read_target


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", "/", ()),
        (b"/a/b?c=d&e", "/a/b", (("c", "d"), ("e", ""))),
        (b"/%C3%A9?%C3%A9=%26+x", "/é", (("é", "& x"),)),
        (b"//a/../b/.", "//a/../b/.", ()),
        (b"*", "*", ()),
        (b"http://dns.example:80/a?b", "/a", (("b", ""),)),
        (b"https://dns.example", "/", ()),
        (b"http://dns.example?b", "/", (("b", ""),)),
    ],
)
def test_a_target_is_read(target: bytes, path: str, query: tuple[tuple[str, str], ...]) -> None:
    found = read_target(target)
    assert (found.path, found.query) == (path, query)


def test_a_target_may_name_the_host() -> None:
    assert read_target(b"HTTP://dns.example:80/a").authority == "dns.example:80"
    assert read_target(b"/a").authority is None


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"", 400),
        (b"a", 400),
        (b"ftp://a/b", 400),
        (b"a.example:443", 400),
        (b"/%", 400),
        (b"/%zz", 400),
        (b"/%00", 400),
        (b"/%ff", 400),
        (b"/\xff", 400),
        (b"/a%2Fb", 400),
        (b"/a#b", 400),
        (b"/?a=%0a", 400),
        (b"/" + b"a" * MAX_TARGET, 414),
        (b"/?" + b"a&" * 1001, 414),
    ],
)
def test_a_bad_target_is_refused(target: bytes, status: int) -> None:
    with pytest.raises(Problem) as caught:
        read_target(target)
    assert caught.value.status == status


@settings(max_examples=60)
@given(st.binary(max_size=60))
def test_any_target_is_read_or_refused(target: bytes) -> None:
    try:
        read_target(target)
    except Problem as fault:
        assert fault.status in (400, 414)  # noqa: PT017
