"""UIDs and errors in Cloud 66's shapes."""

from __future__ import annotations

import json

import pytest

from failoverdns.web.cloud66.shapes import failed, group_uid, read_uid, uid_of
from failoverdns.web.problems import of_error, of_http

UID = "5999b763474b0eafa5fafb64bff0ba80"


def test_a_uid_is_made_of_an_id_and_is_the_same_in_each_version() -> None:
    """A script may have stored it: a change of the first assertion breaks scripts of users."""
    assert group_uid("grp-7") == "fg-6e1b674420226c10d727274e5417b1f8"
    assert uid_of("grp-7") != uid_of("app-7")


@pytest.mark.parametrize(
    ("text", "uid"),
    [
        (UID, UID),
        (f"fg-{UID}", UID),
        (f"FG-{UID.upper()}", UID),
        (UID[:-1], None),
        (f"{UID}0", None),
        ("shop", None),
        ("", None),
    ],
)
def test_a_uid_is_32_hex_digits(text: str, uid: str | None) -> None:
    assert read_uid(text) == uid


def test_an_error_has_texts_where_their_clients_read_texts() -> None:
    error = {
        "code": "refused",
        "message": "nothing was switched",
        "rules": [{"rule": "target-down", "message": "it is down", "group": "shop"}],
    }
    reply = failed(of_error(error))
    shape = json.loads(reply.body)
    assert (reply.status, reply.media_type) == (409, "application/problem+json")
    assert shape["error"] == "conflict"
    assert shape["code"] == "refused"
    assert shape["details"] == "nothing was switched; target-down: it is down"
    assert shape["error_description"] == "nothing was switched"
    assert shape["rules"] == error["rules"]


def test_an_error_keeps_its_header_fields() -> None:
    problem = of_http(401, "a token is needed", code="forbidden", fields={"WWW-Authenticate": "B"})
    reply = failed(problem)
    assert (reply.status, reply.fields) == (401, {"WWW-Authenticate": "B"})
    assert json.loads(reply.body)["error"] == "unauthenticated"
