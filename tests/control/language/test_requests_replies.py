"""Replies and events are one line of JSON each, with any text in them."""

from __future__ import annotations

from control_lines import json_values, one_line
from hypothesis import given
from hypothesis import strategies as st

from failoverdns.control.language.requests import Streamed, write_line, write_refusal, write_reply
from failoverdns.model.change import Json
from failoverdns.model.errors import Rejected, RuleFailure


@given(
    st.none() | st.integers() | st.text(),
    st.dictionaries(st.text(), json_values),
    st.dictionaries(st.text(), st.lists(json_values, max_size=5)),
    st.dictionaries(st.text(), st.lists(st.text(), max_size=5)),
    st.integers(1, 100),
)
def test_a_reply_in_pieces_is_one_line_of_json(
    id_: Json,
    plain: dict[str, Json],
    lists: dict[str, list[Json]],
    texts: dict[str, list[str]],
    chunk: int,
) -> None:
    """A streamed reply is read like one that was written at once, with any text in it."""
    result = {
        **plain,
        **{key: Streamed(iter(items)) for key, items in lists.items()},
        **{key: Streamed(iter(pieces), text=True) for key, pieces in texts.items()},
    }
    reply = one_line(b"".join(write_reply(id_, 42, result, chunk=chunk)))
    whole: dict[str, Json] = {**plain, **lists, **{key: "".join(p) for key, p in texts.items()}}
    expected: dict[str, Json] = {"ok": True, "revision": 42, "result": whole}
    assert reply == (expected if id_ is None else {**expected, "id": id_})


def test_a_long_reply_is_sent_in_pieces() -> None:
    """The server never holds all names of a reply in memory."""
    taken: list[int] = []
    items: list[Json] = ["x" * 100] * 1000
    streamed = Streamed(taken.append(number) or item for number, item in enumerate(items))  # type: ignore[func-returns-value]
    pieces = write_reply(None, 1, {"names": streamed}, chunk=1000)
    first = next(pieces)
    assert len(taken) < 20
    rest = list(pieces)
    assert max(map(len, [first, *rest])) < 1500
    assert one_line(first + b"".join(rest)) == {
        "ok": True,
        "revision": 1,
        "result": {"names": items},
    }


def test_a_refusal_names_every_rule() -> None:
    """The reply has a code, a message and each failed rule, if any."""
    rules = (RuleFailure("target-empty", "add a head", "shop"), RuleFailure("x", "y"))
    assert one_line(write_refusal(7, Rejected("refused", "no", rules))) == {
        "ok": False,
        "id": 7,
        "error": {
            "code": "refused",
            "message": "no",
            "rules": [
                {"rule": "target-empty", "message": "add a head", "group": "shop"},
                {"rule": "x", "message": "y", "group": None},
            ],
        },
    }
    expected = {"ok": False, "error": {"code": "busy", "message": "later"}}
    assert one_line(write_refusal(None, Rejected("busy", "later"))) == expected


@given(st.dictionaries(st.text(), json_values))
def test_an_event_is_one_line(value: dict[str, Json]) -> None:
    """A newline in a text does not end the line."""
    assert one_line(write_line(value)) == value
