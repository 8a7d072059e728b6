"""Requests as values."""

from __future__ import annotations

import pytest

from failoverdns.web.exchange import WebRequest


@pytest.mark.parametrize(
    ("lines", "accepts"),
    [
        ((), False),
        (("gzip",), True),
        (("br, GZIP;q=0.5",), True),
        (("br", "gzip"), True),
        (("xgzip", "gzip2"), False),
        (("gzip;q=0",), False),
        (("gzip; q=0.000, br",), False),
    ],
)
def test_a_coding_is_accepted_if_it_is_listed_and_not_excluded(
    lines: tuple[str, ...], accepts: bool
) -> None:
    request = WebRequest("GET", "/", fields={"accept-encoding": lines})
    assert request.has_token("accept-encoding", "gzip") is accepts
