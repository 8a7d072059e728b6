"""The OpenAPI document: valid, complete, and made of the command table."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from failoverdns.control.language.commands import ROWS
from failoverdns.control.language.openapi import OF_REVISION, document
from failoverdns.control.language.openapi_problems import MEANINGS
from failoverdns.web import requests
from failoverdns.web.problems import STATUSES

DOCUMENT = document("1.2.3")
PATHS = DOCUMENT["paths"]

BY_PATH = {f"/api/v1/{row.path}": row for row in ROWS.values() if row.words != "watch"}


def test_a_public_validator_finds_no_fault() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_every_command_is_there_by_post_and_a_reading_one_by_get_too() -> None:
    """`watch` has no single reply; its events are at `/api/v1/events`."""
    commands = {path: set(item) for path, item in PATHS.items() if path in BY_PATH}
    assert commands == {
        path: {"post", "get"} if row.reads else {"post"} for path, row in BY_PATH.items()
    }
    assert {path for path in set(PATHS) - set(BY_PATH) if "cloud66" not in path} == {
        "/api/v1/events", "/api/openapi.json", "/metrics", "/healthz", "/readyz",
    }  # fmt: skip


@pytest.mark.parametrize("path", BY_PATH)
def test_a_command_has_the_parameters_and_the_help_of_its_row(path: str) -> None:
    row, post = BY_PATH[path], PATHS[path]["post"]
    body = post["requestBody"]["content"]["application/json"]["schema"]
    sent = {one.name: one.help for one in row.parameters if not one.local}
    fields = {n: v["description"] for n, v in body["properties"].items() if n != "command"}
    assert fields.items() >= sent.items()
    assert fields.keys() - sent.keys() == {"id", "op_id"}
    assert body.get("required", []) == [
        one.name for one in row.parameters if one.required and not one.local
    ]
    assert row.help in post["description"]
    assert post["x-role"] == row.role.value
    if row.reads:
        listed = (one for one in PATHS[path]["get"]["parameters"] if "$ref" not in one)
        query = {one["name"]: one["description"] for one in listed}
        assert query == sent


def test_no_two_operations_have_the_same_id() -> None:
    """Generated clients name their functions so."""
    found = [method["operationId"] for item in PATHS.values() for method in item.values()]
    assert len(found) == len(set(found))


def test_every_error_is_described_as_problem_details() -> None:
    for path, item in PATHS.items():
        for method in item.values() if "cloud66" not in path else ():
            for status, response in method["responses"].items():
                if status not in ("200", "304"):
                    found: Any = DOCUMENT["components"]["responses"][status]
                    assert response == {"$ref": f"#/components/responses/{status}"}
                    assert list(found["content"]) == ["application/problem+json"]


def test_a_command_that_changes_something_takes_an_op_id_and_a_revision_as_headers() -> None:
    names = {"IdempotencyKey": "Idempotency-Key", "IfMatch": "If-Match"}
    described = {key: one["name"] for key, one in DOCUMENT["components"]["parameters"].items()}
    assert described == {**names, "IfNoneMatch": "If-None-Match"}
    for path, row in BY_PATH.items():
        taken = [one["$ref"].rpartition("/")[2] for one in PATHS[path]["post"]["parameters"]]
        assert taken == ([] if row.reads else [*names])


def test_only_what_holds_no_secret_is_open_to_everybody() -> None:
    """All else needs a token; `/metrics` needs one if the configuration says so."""
    assert DOCUMENT["security"] == [{"token": []}]
    methods = [(path, method) for path, item in PATHS.items() for method in item.values()]
    assert {path for path, method in methods if {} in method.get("security", ())} == {
        "/api/openapi.json", "/metrics", "/healthz", "/readyz",
    }  # fmt: skip


def test_the_examples_of_the_table_are_examples_of_requests() -> None:
    """`certificate install` has none: its example names files, and the API takes their text."""
    bodies = {path: PATHS[path]["post"]["requestBody"]["content"] for path in BY_PATH}
    shown = {path: content["application/json"] for path, content in bodies.items()}
    found = {path: body["example"] for path, body in shown.items() if "example" in body}
    assert found["/api/v1/switch"] == {
        "groups": ["shop"], "to": "backup", "reason": "db maintenance",
    }  # fmt: skip
    for path, example in found.items():
        Draft202012Validator(shown[path]["schema"]).validate(example)
    with_example = {path for path, row in BY_PATH.items() if row.example}
    assert with_example - set(found) == {"/api/v1/certificate/install", "/api/v1/backup"}


def test_the_statuses_are_those_of_the_table_of_the_web_process() -> None:
    """What a code means is in one table; the document must know each status that it can give."""
    assert set(STATUSES.values()) | {412} <= set(MEANINGS)
    assert OF_REVISION == requests.OF_REVISION
