"""The mode of the control socket is read, or refused with a correct form."""

from __future__ import annotations

import pytest

from failoverdns.config.control import socket_mode
from failoverdns.model.errors import Malformed


@pytest.mark.parametrize(
    ("text", "mode"), [("0660", 0o660), ("600", 0o600), ("0664", 0o664), ("0665", 0o665)]
)
def test_a_mode_is_octal(text: str, mode: int) -> None:
    assert socket_mode(text) == mode


@pytest.mark.parametrize("text", ["", "66", "0o660", "0680", "1660", "04660", "rw-rw----"])
def test_an_invalid_mode_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match='is not a mode; write octal digits such as "0660"'):
        socket_mode(text)


@pytest.mark.parametrize("text", ["0666", "662", "0777"])
def test_a_socket_that_every_user_may_write_to_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="lets every user of the machine switch traffic"):
        socket_mode(text)
