"""Problem details (RFC 9457), and the table from codes to statuses."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from failoverdns.model.errors import Code, Rejected, RuleFailure
from failoverdns.web.problems import STATUSES, TITLES, of_error, of_http, of_refusal

CASES = [
    ("malformed", 400),
    ("forbidden", 403),
    ("not-found", 404),
    ("unknown-command", 404),
    ("exists", 409),
    ("in-use", 409),
    ("conflict", 409),
    ("refused", 409),
    ("corrupt", 409),
    ("invalid", 422),
    ("busy", 503),
    ("unavailable", 503),
    ("unknown-outcome", 504),
]


@pytest.mark.parametrize(("code", "status"), CASES)
def test_each_code_has_its_status(code: Code, status: int) -> None:
    assert of_refusal(Rejected(code, "why")).status == status


def test_the_table_has_every_code() -> None:
    assert set(STATUSES) == set(TITLES) == set(get_args(Code))


def test_a_conflict_with_a_condition_is_412() -> None:
    assert of_refusal(Rejected("conflict", "why"), with_match=True).status == 412
    assert of_refusal(Rejected("refused", "why"), with_match=True).status == 409


@pytest.mark.parametrize("code", ["busy", "unavailable"])
def test_what_may_work_later_says_when_to_try_again(code: Code) -> None:
    assert "Retry-After" in of_refusal(Rejected(code, "why")).fields


def test_a_problem_has_the_members_of_rfc_9457_and_of_the_control_socket() -> None:
    rule = RuleFailure("target-empty", "nothing there", "shop")
    problem = of_refusal(Rejected("refused", "no", (rule,)), id_=7)
    assert json.loads(problem.body()) == {
        "type": "urn:failoverdns:error:refused",
        "title": "Pre-flight rules refuse the command",
        "status": 409,
        "detail": "no",
        "ok": False,
        "id": 7,
        "error": {
            "code": "refused",
            "message": "no",
            "rules": [{"rule": "target-empty", "message": "nothing there", "group": "shop"}],
        },
    }


def test_a_problem_of_http_alone_has_the_title_of_its_status() -> None:
    document = of_http(415, "send JSON").document()
    assert (document["type"], document["title"]) == ("about:blank", "Unsupported Media Type")
    assert document["error"] == {"code": "malformed", "message": "send JSON"}


def test_an_error_with_an_unknown_code_is_503_and_never_500() -> None:
    assert of_error({"code": "new", "message": "?"}).status == 503
