"""Requests of HTTP become requests of the control socket, or problems."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failoverdns.control.language.commands import ROWS
from failoverdns.control.language.requests import MAX_LINE, MAX_VALUES, read_request
from failoverdns.web.exchange import WebRequest
from failoverdns.web.problems import Problem
from failoverdns.web.requests import check_match, read_asked, words_of
from failoverdns.web.targets import read_target

JSON = {"content-type": ("application/json",)}


def post(words: str, body: Any, **fields: str) -> dict[str, Any]:
    """Return the request that a POST becomes."""
    found: dict[str, Any] = json.loads(asked_by_post(words, body, **fields).line)
    return found


def asked_by_post(words: str, body: Any, **fields: str) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {name.replace("_", "-"): (value,) for name, value in fields.items()}
    return read_asked(WebRequest("POST", "", fields={**JSON, **given}, body=data), words)


def get(target: str, **fields: str) -> dict[str, Any]:
    """Return the request that a GET becomes."""
    read = read_target(target.encode())
    given = {name.replace("_", "-"): (value,) for name, value in fields.items()}
    words = words_of(read.path.removeprefix("/"))
    found: dict[str, Any] = json.loads(
        read_asked(WebRequest("GET", read.path, read.query, given), words).line
    )
    return found


def problem(call: Any, *arguments: Any, **fields: str) -> tuple[int, str, str]:
    """Return status, code and message of the problem that a request is."""
    with pytest.raises(Problem) as caught:
        call(*arguments, **fields)
    return caught.value.status, caught.value.code, str(caught.value)


def test_a_post_is_the_request_of_the_control_socket() -> None:
    body = {"groups": ["shop"], "to": "backup", "id": 7, "op_id": "x"}
    assert post("switch", body) == {"command": "switch", **body}


@pytest.mark.parametrize("command", ["switch", " switch "])
def test_the_command_may_be_repeated_in_the_body(command: str) -> None:
    assert post("switch", {"command": command, "groups": ["a"]})["command"] == "switch"


@pytest.mark.parametrize("command", ["status", 7, "", "switch all"])
def test_another_command_in_the_body_is_invalid(command: Any) -> None:
    assert problem(post, "switch", {"command": command, "groups": ["a"]})[:2] == (422, "invalid")


def test_a_body_over_several_lines_becomes_one_line() -> None:
    line = asked_by_post("switch", b'{\n "groups":\r\n ["a"]\n}').line
    assert b"\n" not in line
    assert b"\r" not in line
    assert json.loads(line) == {"command": "switch", "groups": ["a"]}


def test_an_empty_body_is_an_empty_object() -> None:
    assert read_asked(WebRequest("POST", ""), "status").line == b'{"command": "status"}'


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"nonsense", (400, "malformed")),
        (b'"text"', (400, "malformed")),
        (b'{"groups": ["a"], "groups": ["b"]}', (400, "malformed")),
        (b'{"groups": ["a\nb"]}', (400, "malformed")),
        (b'{"groups": [NaN]}', (400, "malformed")),
        (b'{"groups": ["\xff"]}', (400, "malformed")),
        (b"[" * 100_000, (400, "malformed")),
        (b'{"groups": [' + b'"a",' * MAX_VALUES + b'"a"]}', (400, "malformed")),
        (b'{"groups": "a"}', (422, "invalid")),
        (b'{"group": ["a"]}', (422, "invalid")),
        (b'{"groups": ["a"], "id": {}}', (422, "invalid")),
        (b'{"groups": ["a"], "op_id": ""}', (422, "invalid")),
        (b'{"reason": "' + b"a" * MAX_LINE + b'"}', (413, "malformed")),
        (b'{"groups": ["' + b"\\ud800" * 5 + b'"]}', (422, "invalid")),
    ],
    ids=["words", "text", "twice", "newline", "NaN", "not UTF-8", "deep", "many", "not a list",
         "unknown", "id", "op_id", "long", "surrogates"],
)  # fmt: skip
def test_a_bad_body_gets_the_refusal_of_the_control_socket(
    body: bytes, expected: tuple[int, str]
) -> None:
    assert problem(post, "switch", body)[:2] == expected


@pytest.mark.parametrize(
    ("kind", "is_fine"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/merge-patch+json", True),
        ("application/x-www-form-urlencoded", True),
        ("", True),
        ("text/plain", False),
    ],
)
def test_a_body_is_json_whatever_curl_calls_it_and_no_other_type(kind: str, is_fine: bool) -> None:
    """`curl -d` calls every body a form."""
    if is_fine:
        assert post("switch", {"groups": ["a"]}, content_type=kind)["groups"] == ["a"]
    else:
        assert problem(post, "switch", {"groups": ["a"]}, content_type=kind)[0] == 415


def test_a_compressed_body_is_refused_as_such() -> None:
    body = {"groups": ["a"]}
    assert problem(post, "switch", body, content_encoding="gzip")[0] == 415
    assert post("switch", body, content_encoding="identity")["groups"] == ["a"]


def test_a_form_is_refused_as_such() -> None:
    """Its refusal names the type that would be right."""
    body = b"groups=a&to=backup"
    kind = "application/x-www-form-urlencoded"
    status, _, message = problem(post, "switch", body, content_type=kind)
    assert status == 415
    assert "application/json" in message


@pytest.mark.parametrize(
    ("target", "fields"),
    [
        ("/status", {}),
        ("/status?group=shop", {"group": "shop"}),
        ("/history?limit=5&id=a+b", {"limit": 5, "id": "a b"}),
        ("/history?export=true&since=12", {"export": True, "since": 12}),
        ("/history?export", {"export": True}),
        ("/history?export=false", {"export": False}),
        ("/rehearse?group=shop&override=target-empty&override=target-down",
         {"group": "shop", "override": ["target-empty", "target-down"]}),
        ("/records?zone=failover.example&id=x", {"zone": "failover.example", "id": "x"}),
        ("/plan/list?", {}),
        ("/plan/list?&", {}),
    ],
)  # fmt: skip
def test_parameters_of_a_query_have_the_types_of_the_command(
    target: str, fields: dict[str, Any]
) -> None:
    words = words_of(target.partition("?")[0].removeprefix("/"))
    found = get(target)
    assert found == {"command": words, **fields}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/history?limit=many", (422, "invalid")),
        ("/history?limit=0", (422, "invalid")),
        ("/history?limit=" + "9" * 30, (422, "invalid")),
        ("/history?verify=maybe", (422, "invalid")),
        ("/history?since=1", (422, "invalid")),
        ("/history?nonsense=1", (422, "invalid")),
        ("/history?limit=1&limit=2", (400, "malformed")),
        ("/history?command=status", (422, "invalid")),
        ("/nonsense", (404, "unknown-command")),
        ("/head", (404, "unknown-command")),
        ("/plan%20list", (404, "unknown-command")),
        ("/Status", (404, "unknown-command")),
        ("/", (404, "unknown-command")),
        ("/switch?groups=a", (405, "malformed")),
        ("/watch", (409, "refused")),
    ],
)
def test_a_bad_query_gets_the_refusal_of_the_control_socket(
    target: str, expected: tuple[int, str]
) -> None:
    assert problem(get, target)[:2] == expected


def test_each_reading_command_can_be_asked_by_get_and_no_other() -> None:
    for words, row in ROWS.items():
        if words == "watch":
            continue
        try:
            get("/" + words.replace(" ", "/"))
            status = 200
        except Problem as fault:
            status = fault.status
        assert (status != 405) is row.reads, words


@pytest.mark.parametrize("key", ["abc", '"abc"', " abc "])
def test_an_idempotency_key_is_the_op_id(key: str) -> None:
    assert post("switch", {"groups": ["a"]}, idempotency_key=key)["op_id"] == "abc"


def test_an_idempotency_key_that_differs_from_the_op_id_is_invalid() -> None:
    body = {"groups": ["a"], "op_id": "x"}
    assert post("switch", body, idempotency_key="x")["op_id"] == "x"
    assert problem(post, "switch", body, idempotency_key="y")[:2] == (422, "invalid")


def test_if_match_is_the_revision_of_the_groups_for_a_switch() -> None:
    asked = asked_by_post("switch", {"groups": ["a"]}, if_match='"42"')
    assert json.loads(asked.line)["if_revision"] == 42
    assert (asked.if_match, asked.has_match) == (None, True)


def test_if_match_is_the_revision_of_the_state_for_other_commands() -> None:
    asked = asked_by_post("application add", {"name": "eu"}, if_match='"42"')
    assert (asked.if_match, asked.has_match) == (42, True)


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("42", (400, "malformed")),
        ('W/"42"', (400, "malformed")),
        ('"1", "2"', (400, "malformed")),
        ('"abc"', (412, "conflict")),
        ('"-1"', (412, "conflict")),
        ('""', (412, "conflict")),
    ],
)
def test_a_condition_that_no_revision_meets_is_refused(tag: str, expected: tuple[int, str]) -> None:
    assert problem(post, "switch", {"groups": ["a"]}, if_match=tag)[:2] == expected


def test_any_revision_meets_a_star() -> None:
    asked = asked_by_post("switch", {"groups": ["a"]}, if_match="*")
    assert (asked.if_match, asked.has_match) == (None, False)


def test_two_different_revisions_are_invalid() -> None:
    body = {"groups": ["a"], "if_revision": 41}
    assert problem(post, "switch", body, if_match='"42"')[:2] == (422, "invalid")


def test_a_read_with_another_revision_fails() -> None:
    asked = read_asked(WebRequest("GET", "", fields={"if-match": ('"42"',)}), "status")
    check_match(asked, 42)
    assert problem(check_match, asked, 43)[:2] == (412, "conflict")


@pytest.mark.parametrize(("words", "counts"), [("history", True), ("status", False)])
def test_what_a_client_has_counts_only_where_the_reply_depends_on_the_revision(
    words: str, counts: bool
) -> None:
    fields = {"if-none-match": ('W/"41", "42"',)}
    known = read_asked(WebRequest("GET", "", fields=fields), words).known
    assert known == ({'"41"', '"42"'} if counts else set())


@settings(max_examples=60)
@given(st.sampled_from(sorted(set(ROWS) - {"watch"})), st.binary(max_size=60))
def test_what_is_asked_is_always_a_valid_request(words: str, body: bytes) -> None:
    try:
        asked = asked_by_post(words, body)
    except Problem as fault:
        assert fault.status in (400, 422)  # noqa: PT017
        return
    read_request(asked.line)


@pytest.mark.parametrize(
    ("id_", "echoed"),
    [(7, 7), ("a", "a"), (0.5, 0.5), (True, None), ([1], None), ("x" * 1001, None), (None, None)],
)
def test_a_refusal_before_the_control_socket_has_only_an_id_that_it_takes(
    id_: Any, echoed: Any
) -> None:
    body = {"name": "shop", "id": id_, "op_id": "a"}
    with pytest.raises(Problem) as caught:
        asked_by_post("group remove", body, idempotency_key="b")
    assert (caught.value.status, caught.value.id) == (422, echoed)
