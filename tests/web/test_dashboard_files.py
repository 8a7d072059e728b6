"""The dashboard's files say nothing that a strict Content-Security-Policy would have to allow."""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path

import pytest

import failoverdns.web

PROJECT = Path(__file__).parents[2]
STATIC = PROJECT / "failoverdns" / "web" / "static"
FILES = sorted(path for path in STATIC.rglob("*") if path.is_file())
SCRIPTS = [path for path in FILES if path.suffix == ".js"]

READ_AS_CODE = {
    r"\.(?:inner|outer)HTML\b": "a text read as HTML",
    r"\binsertAdjacentHTML\b|\bdocument\.write\b|\bDOMParser\b": "a text read as HTML",
    r"\beval\(|\bnew Function\b|set(?:Timeout|Interval)\(\s*[\"'`]": "a text read as a program",
    r"\bstyle:|setAttribute\(\s*[\"']style|\.cssText\b": "an inline style",
    r"\bon[a-z]+:|setAttribute\(\s*[\"']on": "an inline event handler",
    r"javascript:": "an address that is a program",
}
"""What could turn data into a program, or needs `unsafe-inline`."""

ELSEWHERE = re.compile(r"(?:https?:)?//(?!www\.w3\.org/2000/svg)[a-z0-9-]+\.[a-z]", re.IGNORECASE)


def name_of(path: Path) -> str:
    return str(path.relative_to(STATIC))


def without_comments(text: str) -> str:
    return re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_no_script_turns_data_into_a_program(path: Path) -> None:
    text = without_comments(path.read_text("utf-8"))
    found = [what for pattern, what in READ_AS_CODE.items() if re.search(pattern, text)]
    assert not found


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_every_module_begins_by_saying_what_it_does_and_stays_short(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.startswith("// ")
    assert len(text.splitlines()) <= 480


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_file_names_another_host(path: Path) -> None:
    assert not ELSEWHERE.search(path.read_text("utf-8"))


def test_the_page_has_no_inline_script_style_or_handler() -> None:
    text = (STATIC / "index.html").read_text("utf-8")
    assert re.findall(r"<script[^>]*>", text) == ['<script type="module" src="static/main.js">']
    assert "<style" not in text
    assert not re.search(r"\s(?:style|on[a-z]+)=", text)


def test_every_import_and_every_file_of_the_page_is_there() -> None:
    for path in SCRIPTS:
        for name in re.findall(r"from \"(\.[^\"]+)\"", path.read_text("utf-8")):
            assert (path.parent / name).resolve() in FILES, f"{name_of(path)} imports {name}"
    for name in re.findall(r"\"static/([^\"]+)\"", (STATIC / "index.html").read_text("utf-8")):
        assert STATIC / name in FILES


def test_every_file_is_part_of_the_package() -> None:
    """A wheel has what `package_data` names, a source distribution what MANIFEST.in names."""
    settings = ConfigParser()
    settings.read(PROJECT / "setup.cfg")
    patterns = settings["options.package_data"]["failoverdns.web"].split(",")
    package = Path(failoverdns.web.__file__).parent
    shipped = {path for pattern in patterns for path in package.glob(pattern.strip())}
    assert {package / path.relative_to(STATIC.parent) for path in FILES} <= shipped
    manifest = (PROJECT / "MANIFEST.in").read_text("utf-8").splitlines()
    assert "recursive-include failoverdns/web/static *" in manifest
