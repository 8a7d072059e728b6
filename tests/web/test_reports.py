"""What the control process believes of a report of the web process."""

from __future__ import annotations

from typing import Any

import pytest

from failoverdns.model.errors import Malformed
from failoverdns.web.reports import counted_in, read_report

REPORT: dict[str, Any] = {
    "pid": 42,
    "version": "1.0",
    "confinement": {"landlock": 7, "seccomp": True, "fault": ""},
    "connections": 3,
    "streams": 1,
    "requests": {"2xx": 5, "4xx": 1},
    "refused_tokens": 2,
    "limited": 0,
    "dropped": 0,
}


def test_a_report_is_believed_as_it_is() -> None:
    assert read_report(REPORT) == REPORT
    assert read_report({}) == {}
    assert counted_in(REPORT) == {
        "refused_tokens": 2,
        "limited": 0,
        "dropped": 0,
        "requests.2xx": 5,
        "requests.4xx": 1,
    }


@pytest.mark.parametrize(
    "report",
    [
        None,
        "text",
        ["list"],
        REPORT | {"serving": True},
        REPORT | {"addresses": ["192.0.2.1:443"]},
        REPORT | {"version": "\x1b[31mred"},
        REPORT | {"version": "1" * 101},
        REPORT | {"connections": "3"},
        REPORT | {"connections": -1},
        REPORT | {"dropped": 1 << 70},
        REPORT | {"pid": True},
        REPORT | {"requests": [1]},
        REPORT | {"requests": {"2xx": 1.5}},
        REPORT | {"requests": {"9xx": 1}},
        REPORT | {"confinement": {"fault": "\n"}},
        REPORT | {"confinement": dict.fromkeys(map(str, range(100)), 1)},
    ],
    ids=map(str, range(16)),
)
def test_a_report_that_cannot_be_shown_is_not_believed(report: Any) -> None:
    with pytest.raises(Malformed):
        read_report(report)
