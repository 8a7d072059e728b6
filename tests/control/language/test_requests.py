"""Lines of the control socket: any line is read as a request or refused."""

from __future__ import annotations

import json

import pytest
from control_lines import json_values, one_line
from hypothesis import example, given
from hypothesis import strategies as st

from failoverdns.control.language.requests import (
    MAX_ID,
    MAX_LINE,
    MAX_OP_ID,
    MAX_VALUES,
    Request,
    Unreadable,
    canonical,
    read_request,
    write_refusal,
    write_reply,
)
from failoverdns.control.language.words import MAX_WORDS
from failoverdns.model.change import Json
from failoverdns.model.commands.groups import Switch
from failoverdns.model.commands.server import Status, Watch

READ = [
    (b"watch", Request(Watch(), {"command": "watch"})),
    (b"  watch \r", Request(Watch(), {"command": "watch"})),
    (b'{"command": "watch"}', Request(Watch(), {"command": "watch"})),
    (b' {"command":" watch "}', Request(Watch(), {"command": "watch"})),
    (b'{"id": 1, "command": "watch"}', Request(Watch(), {"command": "watch"}, 1)),
    (b'{"id": "a", "command": "watch"}', Request(Watch(), {"command": "watch"}, "a")),
    (b'{"id": 1.5, "command": "watch"}', Request(Watch(), {"command": "watch"}, 1.5)),
    (b'{"id": null, "command": "watch"}', Request(Watch(), {"command": "watch"})),
    (b'{"command": "watch", "op_id": "x-1"}', Request(Watch(), {"command": "watch"}, None, "x-1")),
    (
        b'{"command": "status", "group": null}',
        Request(Status(), {"command": "status"}),
    ),
    (
        '{"command": "switch", "groups": ["a"], "reason": "\\u00e9 日"}'.encode(),
        Request(
            Switch(("a",), reason="é 日"),
            {"command": "switch", "groups": ["a"], "reason": "é 日"},
        ),
    ),
    (
        b"switch a --reason 'it''s'\\ ok",
        Request(
            Switch(("a",), reason="its ok"),
            {"command": "switch", "groups": ["a"], "reason": "its ok"},
        ),
    ),
]


@pytest.mark.parametrize(("line", "request_"), READ)
def test_a_line_is_words_or_a_json_object(line: bytes, request_: Request) -> None:
    """`id` and `op_id` are not recorded in the history."""
    assert read_request(line) == request_


OP_ID = f"op_id: must be a string of 1 to {MAX_OP_ID} printable characters"
BAD: list[tuple[str, bytes, Json, str, str]] = [
    ("an empty line", b"", None, "unknown-command", "unknown command; known: application, autom"),
    ("an unknown word", b"swich a", None, "unknown-command", "did you mean 'switch'?"),
    (
        "an unknown command",
        b'{"id":3,"command":"swich"}',
        3,
        "unknown-command",
        "did you mean 'switch'?",
    ),
    ("an unknown verb", b"group ad", None, "unknown-command", "known: 'group add', 'group set'"),
    ("no command", b'{"id":3}', 3, "invalid", 'command: must be a string, such as "switch"'),
    (
        "a command that is not a string",
        b'{"command":["watch"]}',
        None,
        "invalid",
        "command: must be a string",
    ),
    ("an unknown option", b"watch --x", None, "invalid", "unknown option --x (usage: watch)"),
    (
        "an unknown field",
        b'{"id":"q","command":"watch","x":1}',
        "q",
        "invalid",
        "x: unknown field of watch",
    ),
    ("a missing argument", b"switch", None, "invalid", "GROUP is missing (usage: switch GROUP ..."),
    ("open quotes", b"switch 'a", None, "malformed", "the quoting is broken: No closing quotation"),
    (
        "a backslash at the end",
        b"switch a\\",
        None,
        "malformed",
        "the quoting is broken: No escaped character",
    ),
    (
        "too long with quotes",
        b"switch '" + b"a" * MAX_WORDS + b"'",
        None,
        "malformed",
        "a request of words has at most 65536 bytes, one of JSON at most 1048576 bytes",
    ),
    (
        "too long without quotes",
        b"switch " + b"a " * MAX_WORDS,
        None,
        "malformed",
        "a request of words has at most 65536 bytes, one of JSON at most 1048576 bytes",
    ),
    (
        "too many words",
        b"switch" + b" a" * MAX_VALUES,
        None,
        "malformed",
        "a request has at most 5000 values: send several requests",
    ),
    (
        "too many words with quotes",
        b"switch" + b" 'a'" * MAX_VALUES,
        None,
        "malformed",
        "a request has at most 5000 values: send several requests",
    ),
    (
        "too many values in JSON",
        b'{"id":1,"command":"switch","groups":[' + b'"a",' * MAX_VALUES + b'"a"]}',
        None,
        "malformed",
        "a request has at most 5000 values: send several requests",
    ),
    (
        "an id too long",
        b'{"command":"watch","id":"' + b"x" * (MAX_ID + 1) + b'"}',
        None,
        "invalid",
        "id: has at most 1000 characters",
    ),
    (
        "a command of many words",
        b'{"id":1,"command":"' + b"x " * 1000 + b'"}',
        1,
        "unknown-command",
        "unknown command; known: application",
    ),
    ("not UTF-8", b"switch \xff", None, "malformed", "a request is UTF-8; byte 8 is not"),
    (
        "a line of 1 MiB and a byte",
        b"{" + b" " * MAX_LINE,
        None,
        "malformed",
        "a request of words has at most 65536 bytes, one of JSON at most 1048576 bytes",
    ),
    ("not JSON", b'{"id":1', None, "malformed", "not JSON: Expecting ',' delimiter"),
    ("two JSON values", b'{"id":1} {}', None, "malformed", "not JSON: Extra data"),
    (
        "a field given twice",
        b'{"id":1,"command":"watch","id":2}',
        None,
        "malformed",
        "not JSON: a field is given twice",
    ),
    (
        "a field given twice inside",
        b'{"command":"watch","x":{"a":1,"a":1}}',
        None,
        "malformed",
        "not JSON: a field is given twice",
    ),
    ("NaN", b'{"id":NaN}', None, "malformed", "not JSON: NaN is not a JSON value"),
    ("Infinity", b'{"id":-Infinity}', None, "malformed", "not JSON: -Infinity is not a JSON value"),
    (
        "a number too large",
        b'{"id":1e999,"command":"watch"}',
        None,
        "malformed",
        "not JSON: 1e999 is too large a number",
    ),
    (
        "a number of 5000 digits",
        b'{"id":' + b"9" * 5000 + b"}",
        None,
        "malformed",
        "not JSON: Exceeds the limit",
    ),
    (
        "deep nesting",
        b'{"id":' + b"[" * 500000,
        None,
        "malformed",
        "not JSON: maximum recursion depth",
    ),
    (
        "deep nesting in a field",
        b'{"command":"watch","x":' + b"[" * 200 + b"]" * 200 + b"}",
        None,
        "invalid",
        "x: unknown field of watch",
    ),
    (
        "a raw newline in a text",
        b'{"id":"a\nb"}',
        None,
        "malformed",
        "not JSON: Invalid control character",
    ),
    (
        "a lone surrogate",
        b'{"command":"switch","groups":["\\ud800"]}',
        None,
        "invalid",
        "GROUP: has characters that cannot be printed",
    ),
    (
        "an id that is a list",
        b'{"id":[1],"command":"watch"}',
        None,
        "invalid",
        "id: must be a string or a number",
    ),
    (
        "an id that is a boolean",
        b'{"id":true,"command":"watch"}',
        None,
        "invalid",
        "id: must be a string or a number",
    ),
    (
        "an id that is an object",
        b'{"id":{},"command":"watch"}',
        None,
        "invalid",
        "id: must be a string or a number",
    ),
    ("an empty op_id", b'{"id":1,"command":"watch","op_id":""}', 1, "invalid", OP_ID),
    ("an op_id that is a number", b'{"id":1,"command":"watch","op_id":7}', 1, "invalid", OP_ID),
    (
        "an op_id too long",
        b'{"command":"watch","op_id":"' + b"x" * (MAX_OP_ID + 1) + b'"}',
        None,
        "invalid",
        OP_ID,
    ),
    ("an op_id with a newline", b'{"command":"watch","op_id":"a\\n"}', None, "invalid", OP_ID),
]


@pytest.mark.parametrize(
    ("line", "id_", "code", "message"), [pytest.param(*case[1:], id=case[0]) for case in BAD]
)
def test_an_invalid_line_is_refused_with_the_reason(
    line: bytes, id_: Json, code: str, message: str
) -> None:
    """The refusal has a code and a message, and echoes the id if it could be read."""
    with pytest.raises(Unreadable) as unreadable:
        read_request(line)
    refusal = unreadable.value.refusal
    assert (unreadable.value.id, refusal.code) == (id_, code)
    assert message in refusal.message
    assert len(refusal.message) < 1000


def test_a_line_of_exactly_one_mib_is_read() -> None:
    """The limit does not count the newline."""
    line = b' {"command": "switch", "groups": ["a"]'.ljust(MAX_LINE - 1) + b"}"
    assert len(line) == MAX_LINE
    assert read_request(line).command == Switch(groups=("a",))


def test_words_of_exactly_64_kib_are_read() -> None:
    """Spaces count."""
    line = b"switch a".ljust(MAX_WORDS - 1) + b"b"
    assert len(line) == MAX_WORDS
    assert read_request(line).command == Switch(groups=("a", "b"))


def test_a_request_may_have_five_thousand_values() -> None:
    """In words and in JSON."""
    many = ["a"] * (MAX_VALUES - 2)
    for line in (
        ("switch " + " ".join(many)).encode(),
        json.dumps({"command": "switch", "groups": many}).encode(),
    ):
        assert read_request(line).command == Switch(groups=tuple(many))


def test_an_op_id_of_200_characters_is_read() -> None:
    """It may have letters of any script."""
    line = json.dumps({"command": "watch", "op_id": "日" * MAX_OP_ID}).encode()
    assert read_request(line).op_id == "日" * MAX_OP_ID


def test_an_option_may_be_repeated_thousands_of_times() -> None:
    """The time to read a long request is linear in its length."""
    command = read_request(b"switch a " + b"--override=x " * 4900).command
    assert isinstance(command, Switch)
    assert len(command.override) == 4900


WORDS = ["switch", "group", "add", "set", "shop", "--to", "--ttl", "=", "5", "'", "\\", "{", "}"]
FIELDS = ["id", "op_id", "command", "groups", "to", "name", "ttl", "override", "if_revision"]
objects = st.dictionaries(
    st.sampled_from(FIELDS) | st.text(), json_values | st.sampled_from(["switch", "group add"])
).map(lambda value: json.dumps(value).encode())
lines = (
    st.binary()
    | st.lists(st.sampled_from(WORDS)).map(lambda words: " ".join(words).encode())
    | objects
    | st.builds(lambda line, at: line[: at % (len(line) + 1)], objects, st.integers(0, 99))
)


@given(lines)
@example(b'{"command": "switch", "groups": ["a"], "to": ' + b"[" * 900 + b"]" * 900 + b"}")
def test_any_bytes_are_read_as_a_request_or_refused(line: bytes) -> None:
    """The reply to either is one line of JSON."""
    try:
        request = read_request(line)
    except Unreadable as unreadable:
        reply = write_refusal(unreadable.id, unreadable.refusal)
    else:
        reply = b"".join(write_reply(request.id, 1, {"given": dict(request.given)}))
        assert json.loads(canonical(request.given)) == request.given
    one_line(reply)


def test_equal_requests_have_the_same_canonical_form() -> None:
    """A retry with the same `op_id` may have its fields in another order, or be words."""
    by_words = read_request(b"switch shop --to backup")
    by_json = read_request(b'{"to":"backup","id":5,"groups":["shop"],"command":"switch"}')
    assert canonical(by_words.given) == canonical(by_json.given)
    assert canonical(by_words.given) != canonical(read_request(b"switch shop").given)
