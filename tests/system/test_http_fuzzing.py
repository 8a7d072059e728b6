"""The whole HTTP API, fuzzed from its own OpenAPI document by schemathesis, with an admin's token.

Requests that fit the document, and requests that do not, go to a real server.  None may get a 500;
503 and 504 come with their code only; every status, media type and body is one that the document
names.  In the suite the requests are the same in each run, and end after half a minute;
`FAILOVERDNS_FUZZING=600` draws others for that many seconds.

Left out are `restart`, which replaces the server and is tested on its own, `backup`, which needs a
file descriptor that HTTP cannot carry, and `/api/v1/events`, a stream without an end.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import Failure, FailureGroup
from system.server import Server, wait_for
from system.web import HTTP, add_token, port, serving

from failoverdns.control.language import values
from failoverdns.control.language.parameter_schemas import FORMS
from failoverdns.web.problems import STATUSES

pytestmark = [pytest.mark.system, pytest.mark.long]

SECONDS = float(os.environ.get("FAILOVERDNS_FUZZING", "0"))
"""How long to fuzz with other requests in each run; 0 for the requests of the suite."""

IN_SUITE = 30.0
LEFT_OUT = re.compile("^/api/v1/(restart|backup|events)$")

NAMED = {
    values.group: ("shop", "blog", "new"),
    values.application: ("shop-eu", "shop-us", "new"),
    values.application_or_nothing: ("shop-eu", "shop-us", ""),
    values.head: ("lb1", "web1"),
    values.zone: ("failover.test",),
    values.label: ("414-262-781", "blog", "@"),
    values.configured_name: ("beat", "quick"),
    values.configured_name_or_nothing: ("quick", ""),
    values.flag_name: ("office-hours",),
    values.exact_target: ("shop-eu/lb1", "shop-us"),
    values.health_target: ("shop-*", "shop-eu/lb1"),
}
"""Names that the server has or may get, in place of names that it never has."""

CONFIG = f"""\
{HTTP}checks: {{beat: {{type: push, ttl: 3600}}}}
policies: {{quick: {{answer: healthy}}}}
safety_rules: {{office: {{gate: {{flag: office-hours}}}}}}
"""

CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server with HTTP and two groups."""
    running = Server(tmp_path_factory.mktemp("fuzzed"), CONFIG)
    try:
        running.start()
        running.load_demo()
        running.do(command="group add", name="blog", label="blog", primary="shop-us")
        serving(running)
        yield running
    finally:
        running.kill()


def with_names(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with names that exist in place of their patterns."""
    known = {FORMS[parse]["pattern"]: names for parse, names in NAMED.items()}

    def renamed(value: Any) -> Any:
        if isinstance(value, list):
            return [renamed(one) for one in value]
        if not isinstance(value, dict):
            return value
        names = known.get(value.get("pattern", ""))
        return {"enum": [*names]} if names else {key: renamed(one) for key, one in value.items()}

    return {**document, "paths": renamed(document["paths"])}


def operations(document: dict[str, Any]) -> list[Any]:
    """Return the operations of a document that are fuzzed."""
    kept = {path: item for path, item in document["paths"].items() if not LEFT_OUT.match(path)}
    schema = schemathesis.openapi.from_dict({**document, "paths": kept})
    return [found.ok() for found in schema.get_all_operations()]


def code_of(response: Any) -> str | None:
    """Return the code of the control socket in a problem."""
    body = json.loads(response.content)
    return body.get("code") or (body.get("error") or {}).get("code")


def test_no_request_gets_a_reply_that_the_document_does_not_name(server: Server) -> None:
    load_all_checks()
    checks = [CHECKS.get_one(name) for name in CHECKED]
    base = f"http://127.0.0.1:{port(server)}"
    document = requests.get(f"{base}/api/openapi.json", timeout=30).json()
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {add_token(server)}"
    ends = time.monotonic() + (SECONDS or IN_SUITE)
    statuses: dict[int, int] = {}
    faults: dict[tuple[str, int], str] = {}

    def send(case: Any) -> None:
        if time.monotonic() > ends:
            return
        response = case.call(base_url=base, session=session, timeout=30)
        statuses[response.status_code] = statuses.get(response.status_code, 0) + 1
        try:
            if response.status_code in (503, 504):
                assert STATUSES[str(code_of(response))] == response.status_code, response.content
            else:
                case.validate_response(response, checks=checks)
        except (AssertionError, FailureGroup, Failure) as fault:
            faults.setdefault((case.operation.label, response.status_code), str(fault))

    exact = operations(document)
    rounds = [
        (operations(with_names(deepcopy(document))), GenerationMode.POSITIVE, 6),
        (exact, GenerationMode.NEGATIVE, 4),
        (exact, GenerationMode.POSITIVE, 4),
    ]
    number = 0
    while number == 0 or (SECONDS and time.monotonic() < ends):
        for found, mode, examples in rounds:
            for operation in found:
                if time.monotonic() < ends:
                    fuzz(operation, mode, examples * (1 + number), send)
        number += 1
    print(dict(sorted(statuses.items())))
    assert faults == {}
    assert set(statuses) >= {200, 404, 422}, statuses
    assert server.process is not None
    assert server.process.poll() is None
    wait_for(lambda: serving(server)["serving"], server.log.read_text)
    assert "a defect in failoverdns" not in server.log.read_text()
    assert "Traceback" not in server.log.read_text()


def fuzz(operation: Any, mode: GenerationMode, examples: int, send: Any) -> None:
    """Send some requests of one kind to an operation."""
    if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query):
        return

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=not SECONDS,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def draw(case: Any) -> None:
        send(case)

    draw()
