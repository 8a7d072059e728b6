"""The files of the dashboard."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from failoverdns.web.exchange import WebReply, WebRequest
from failoverdns.web.static_files import StaticFiles

SCRIPT = b"export const answer = 42;\n" * 100


@pytest.fixture
def files(tmp_path: Path) -> StaticFiles:
    folder = tmp_path / "static"
    (folder / "views").mkdir(parents=True)
    (folder / "index.html").write_bytes(b"<!doctype html>")
    (folder / "views" / "groups.js").write_bytes(SCRIPT)
    (folder / "notes.secret").write_bytes(b"?")
    (tmp_path / "outside.js").write_bytes(b"?")
    return StaticFiles(folder)


def reply(files: StaticFiles, path: str, **fields: str) -> WebReply:
    found = files.find(path)
    assert found is not None
    given = {name.replace("_", "-"): (value,) for name, value in fields.items()}
    return found.reply_to(WebRequest("GET", path, fields=given))


def test_the_root_is_the_index(files: StaticFiles) -> None:
    assert reply(files, "/").body == b"<!doctype html>"
    assert reply(files, "/").media_type == "text/html; charset=utf-8"


def test_a_file_has_its_type_and_a_tag(files: StaticFiles) -> None:
    got = reply(files, "/static/views/groups.js")
    assert (got.status, got.body, got.media_type) == (200, SCRIPT, "text/javascript; charset=utf-8")
    assert got.fields["ETag"].startswith('"')


def test_a_file_that_the_client_has_is_not_sent_again(files: StaticFiles) -> None:
    tag = reply(files, "/static/views/groups.js").fields["ETag"]
    got = reply(files, "/static/views/groups.js", if_none_match=f'"x", {tag}')
    assert (got.status, got.body) == (304, b"")
    assert reply(files, "/", if_none_match=tag).status == 200


def test_a_file_is_compressed_for_who_takes_that(files: StaticFiles) -> None:
    got = reply(files, "/static/views/groups.js", accept_encoding="br, gzip;q=0.8")
    assert got.fields["Content-Encoding"] == "gzip"
    assert got.fields["Vary"] == "Accept-Encoding"
    assert gzip.decompress(got.body) == SCRIPT
    assert got.fields["ETag"] != reply(files, "/static/views/groups.js").fields["ETag"]


@pytest.mark.parametrize(
    "path",
    ["/static/", "/static/outside.js", "/static/../outside.js", "/static/views", "/index.html",
     "/static/notes.secret", "/static//index.html", "/static/views/../index.html", "//"],
)  # fmt: skip
def test_nothing_else_is_served(files: StaticFiles, path: str) -> None:
    assert files.find(path) is None


def test_a_folder_that_does_not_exist_has_no_files(tmp_path: Path) -> None:
    assert len(StaticFiles(tmp_path / "none")) == 0
