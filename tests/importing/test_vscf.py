"""The configuration language of gdnsd."""

from __future__ import annotations

from typing import Any

import pytest

from failoverdns.importing.vscf import SourceFile, Value, parse_vscf
from failoverdns.model.errors import Malformed


class Texts(dict[str, str]):
    """Files by name; a pattern with `*` stands for all of them."""

    def included(self, pattern: str, by: str) -> list[SourceFile]:
        """Return files."""
        names = list(self) if pattern == "*" else [pattern]
        if any(name not in self for name in names):
            raise Malformed(f"no file {pattern}")
        return [SourceFile(name, self[name]) for name in names]


def plain(value: Value) -> Any:
    """Return a value without places."""
    if isinstance(value.data, dict):
        return {key: plain(entry) for key, entry in value.data.items()}
    return value.data if isinstance(value.data, str) else [plain(item) for item in value.data]


def read(text: str, **files: str) -> Any:
    """Return what a text means."""
    return plain(parse_vscf(SourceFile("config", text), Texts(files)))


@pytest.mark.parametrize(
    "text",
    [
        "options = {\n  listen = [ 192.0.2.1, 192.0.2.2 ],\n}\n",
        '"options" => {\n  listen => [ 192.0.2.1 192.0.2.2 ]\n}',
        "options={listen=[192.0.2.1 192.0.2.2]}",
        "options=>{listen=>[192.0.2.1,192.0.2.2,],},",
        "# a comment\noptions => ; another } comment\n{ listen => [192.0.2.1 192.0.2.2] } # end",
        "\r\noptions => {\r\n listen => [192.0.2.1 192.0.2.2]\r\n}\r\n",
    ],
)
def test_the_same_in_several_ways(text: str) -> None:
    assert read(text) == {"options": {"listen": ["192.0.2.1", "192.0.2.2"]}}


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("example", "example"),
        (r"ex\097mpl\e", "example"),
        (r'"ex\097mpl\e"', "example"),
        (r"internal\"quote", 'internal"quote'),
        (r"white\ space", "white space"),
        ('"braces{every[where]oh}my"', "braces{every[where]oh}my"),
        (r"braces\{every\[where\]oh\}my", "braces{every[where]oh}my"),
        (r"\092\=\=\=", r"\==="),
        ('""', ""),
        ("%multifo!www", "%multifo!www"),
        ("[2001:db8::1]:53", None),
        ('"[2001:db8::1]:53"', "[2001:db8::1]:53"),
        ("2001:DB8::1", "2001:DB8::1"),
        ("a$b", "a$b"),
        ("\u00e9", "\u00e9"),
    ],
)
def test_texts(text: str, meaning: str | None) -> None:
    if meaning is None:
        with pytest.raises(Malformed):
            read(f"a = {text}")
    else:
        assert read(f"a = {text}") == {"a": meaning}


def test_files_are_included_as_values_and_into_hashes() -> None:
    files = {"a": "x = 1", "b": "y = 2", "list": "[ 1, { z = 3 } ]"}
    assert read("$include{a} k = 1", **files) == {"x": "1", "k": "1"}
    assert read('v => $include{ "a" }', **files) == {"v": {"x": "1"}}
    assert read("v => [ $include{list} ]", **files) == {"v": [["1", {"z": "3"}]]}
    assert read("v = { $include{*}, c = 3 }", a="x = 1", b="y = 2") == {
        "v": {"x": "1", "y": "2", "c": "3"}
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = {", r"config:1: the hash that begins here is not closed by \}"),
        ("a = [\n1", r"config:1: the array that begins here is not closed by \]"),
        ("a = 1\nb", "config:2: expected => after the key 'b'"),
        ("a = 1\na = 2", "config:2: the key 'a' is given twice, first in config:1"),
        ("a = ", "config:1: a value is missing"),
        ("a = }", r"config:1: expected a value, not '\}'"),
        ('a = "open', "config:1: expected a value, not '\"'"),
        ("}", r"config:1: expected a key, not '\}'"),
        ("[ 1 ] 2", "config:1: unexpected '2'"),
        ("$include{nothing}", "config:1: no file nothing"),
        ("v = $include{*}", "config:1: 0 files cannot be one value"),
        ("$include{me", "config:1: no file me|expected }"),
        ("a = $x", r"config:1: expected a value, not '\$'"),
        ("a = " + "[" * 100, "config:1: nested more than 32 deep"),
        (r"a = x\256", r"config:1: the escape \\256 is over"),
        ("\0", "config:1: expected => after"),
    ],
)
def test_faults_have_a_place(text: str, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        read(text)


@pytest.mark.parametrize("me", ["$include{me}", "b = { c = $include{me} }"])
def test_a_file_that_includes_itself_is_refused(me: str) -> None:
    with pytest.raises(Malformed, match="nested more than 32 deep"):
        read("a = $include{me}", me=me)


def test_many_files_are_refused() -> None:
    with pytest.raises(Malformed, match="more than 1000 files are included"):
        read("a = [ " + "$include{x} " * 1001 + "]", x="")


def test_a_long_file_is_read_at_once() -> None:
    text = "".join(f"key{number} => [ 1, 2 ]\n" for number in range(50_000))
    assert len(read(text)) == 50_000
