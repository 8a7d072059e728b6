"""Parse replies of the control socket as a client does, and draw JSON values for requests."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from failoverdns.model.change import Json

json_values: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def one_line(reply: bytes) -> Json:
    """Parse a reply as a client does; fail unless it is one line of ASCII and strict JSON."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    assert reply.endswith(b"\n")
    assert reply.count(b"\n") == 1
    assert reply.isascii()
    assert not any(byte < 0x20 for byte in reply[:-1])
    value: Json = json.loads(reply, parse_constant=refuse)
    return value
