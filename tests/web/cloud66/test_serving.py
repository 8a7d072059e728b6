"""Cloud 66's shapes, answered by the real commands over a store in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from console import Console
from driving import run

from failoverdns.model.change import Json
from failoverdns.model.policy import NO_AUTOMATION_SETTINGS
from failoverdns.web.cloud66.serving import serve
from failoverdns.web.cloud66.shapes import group_uid, uid_of
from failoverdns.web.exchange import WebReply, WebRequest

JSON = {"content-type": ("application/json",)}
FORM = {"content-type": ("application/x-www-form-urlencoded",)}


class Site:
    """A server with the applications eu and us, and what it was asked for."""

    def __init__(self) -> None:
        self.console = Console(NO_AUTOMATION_SETTINGS)
        self.asked: list[dict[str, Json]] = []
        self.refuse: dict[str, dict[str, Json]] = {}
        """Errors to reply to commands, by their names, in place of carrying them out."""
        for name, address in (("eu", "192.0.2.1"), ("us", "198.51.100.1"), ("asia", "203.0.113.1")):
            self.console.do(
                f"application add {name}",
                f"head add {name} lb --role load-balancer --address {address}",
            )

    async def ask(self, request: Mapping[str, Json]) -> dict[str, Json]:
        self.asked.append(dict(request))
        error = self.refuse.get(str(request["command"]))
        if error is not None and "dry_run" not in request:
            return {"ok": False, "error": error}
        return self.console.reply(dict(request))

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        fields: Mapping[str, tuple[str, ...]] | None = None,
        query: tuple[tuple[str, str], ...] = (),
    ) -> tuple[int, Any, WebReply]:
        """Send a request, its body as JSON unless it is a text; return status, body and reply."""
        is_form = isinstance(body, str)
        sent = b"" if body is None else body.encode() if is_form else json.dumps(body).encode()
        kind = FORM if is_form else JSON if body is not None else {}
        request = WebRequest(method, "", query, {**kind, **(fields or {})}, sent)
        self.asked.clear()
        reply = run(serve(request, path, self.ask))
        return reply.status, json.loads(reply.body) if reply.body else None, reply

    def done(self, *args: Any, **more: Any) -> Any:
        """Send a request that must succeed; return what is in `response`."""
        status, body, _ = self.send(*args, **more)
        assert status == 200, body
        return body["response"]

    def commands(self) -> list[str]:
        """Return the commands that were asked for and not only read or tried, in their order."""
        changing = ("group", "switch")
        return [
            str(one["command"])
            for one in self.asked
            if str(one["command"]).startswith(changing)
            and one["command"] != "group list"
            and "dry_run" not in one
        ]

    def group(self, name: str = "shop") -> dict[str, Any]:
        """Return the report of a group."""
        reply = self.console.reply({"command": "status", "group": name})
        group: dict[str, Any] = reply["result"]["groups"][0]
        return group


@pytest.fixture
def site() -> Site:
    """Return a server with the group `shop`, whose primary is active."""
    site = Site()
    site.console.do("group add shop --label 414-262-781 --primary eu --backup us")
    return site


def uid(site: Site, name: str = "shop") -> str:
    return group_uid(site.group(name)["id"])


def stack(site: Site, name: str) -> str:
    found = site.console.reply("application list")["result"]["applications"]
    return uid_of(next(one["id"] for one in found if one["name"] == name))


@pytest.mark.parametrize("path", ["failover_groups", "failover_groups.json", "failover_groups/"])
@pytest.mark.parametrize("version", ["", "api/3/"])
def test_the_list_has_every_field_of_theirs(site: Site, version: str, path: str) -> None:
    site.console.do("group add bare --label bare")
    status, body, reply = site.send("GET", version + path)
    assert status == 200
    assert reply.media_type == "application/json"
    assert body == {
        "response": [
            {
                "uid": uid(site),
                "address": "414-262-781.failover.test",
                "current_stack": 1,
                "primary_stack_uid": stack(site, "eu"),
                "primary_stack_name": "eu",
                "secondary_stack_uid": stack(site, "us"),
                "secondary_stack_name": "us",
                "busy_toggling": False,
                "readonly": False,
                "created_at": None,
                "updated_at": None,
                "name": "shop",
            },
            {
                "uid": uid(site, "bare"),
                "address": "bare.failover.test",
                "current_stack": 1,
                "primary_stack_uid": None,
                "primary_stack_name": None,
                "secondary_stack_uid": None,
                "secondary_stack_name": None,
                "busy_toggling": False,
                "readonly": False,
                "created_at": None,
                "updated_at": None,
                "name": "bare",
            },
        ],
        "count": 2,
        "pagination": {"previous": None, "next": None, "current": 1},
    }
    assert reply.fields["ETag"] == f'"{site.console.corridor.ledger.state.revision}"'


def test_uids_have_their_form_and_survive_a_rename(site: Site) -> None:
    before = uid(site)
    assert re.fullmatch(r"fg-[0-9a-f]{32}", before)
    assert re.fullmatch(r"[0-9a-f]{32}", stack(site, "eu"))
    site.console.do("group rename shop store", "application rename eu europe")
    (found,) = site.done("GET", "failover_groups")
    assert found["uid"] == before
    assert found["primary_stack_name"] == "europe"


def test_everything_is_on_the_first_page_and_the_second_is_empty(site: Site) -> None:
    _, body, _ = site.send("GET", "failover_groups.json", query=(("page", "2"),))
    assert (body["response"], body["count"]) == ([], 1)
    assert body["pagination"] == {"previous": 1, "next": None, "current": 2}
    status, body, _ = site.send("GET", "failover_groups.json", query=(("page", "first"),))
    assert (status, body["details"]) == (422, "page: 'first' is not a number from 1 on")


def test_a_group_is_found_by_its_uid_with_and_without_fg_and_by_its_name(site: Site) -> None:
    full = uid(site)
    for text in (full, full.removeprefix("fg-"), full.upper(), f"{full}.json", "shop"):
        assert site.done("GET", f"failover_groups/{text}")["address"] == "414-262-781.failover.test"
    for text in ("fg-" + "0" * 32, "nothing"):
        status, body, _ = site.send("GET", f"failover_groups/{text}")
        assert (status, body["error"]) == (404, "not_found")


def test_stacks_are_applications(site: Site) -> None:
    site.console.do("application add empty", "health force us down")
    found = {one["name"]: one for one in site.done("GET", "stacks.json", query=(("page", "1"),))}
    assert found["eu"] == {
        "uid": stack(site, "eu"),
        "name": "eu",
        "status": 1,
        "health": 0,
        "has_loadbalancer": True,
    }
    assert found["us"]["health"] == 4
    assert found["empty"]["has_loadbalancer"] is False
    assert site.done("GET", f"stacks/{stack(site, 'us')}.json") == found["us"]
    assert site.done("GET", "stacks/us") == found["us"]
    assert site.send("GET", "stacks/nothing")[0] == 404


@pytest.mark.parametrize(
    "body",
    [
        {"primary_stack_uid": "eu", "secondary_stack_uid": "us", "current_stack": 2},
        {"primary_stack_uid": "eu", "secondary_stack_uid": "us", "current_stack": "secondary"},
        "primary_stack_uid=eu&secondary_stack_uid=us&current_stack=2",
        "primary_stack_uid=eu&secondary_stack_uid=us&current_stack=Backup",
        '{"primary_stack_uid": "eu", "secondary_stack_uid": "us", "current_stack": 2}',
    ],
    ids=["a number", "a word", "a form", "a form with a word", "an object that curl calls a form"],
)
def test_a_group_is_created_in_one_command(body: Any) -> None:
    site = Site()
    made = site.done("POST", "failover_groups", body)
    assert (made["ok"], made["message"]) == (True, "Failover Group created")
    assert re.fullmatch(r"fg-[0-9a-f]{32}", made["uid"])
    assert re.fullmatch(r"\d{3}-\d{3}-\d{3}\.failover\.test", made["address"])
    assert (made["current_stack"], made["secondary_stack_name"]) == (2, "us")
    assert site.commands() == ["group add"]
    assert site.group(made["name"])["answers"] == ["198.51.100.1"]


def test_an_empty_group_reserves_an_address() -> None:
    site = Site()
    null = {"primary_stack_uid": None, "secondary_stack_uid": None, "current_stack": None}
    made = site.done("POST", "failover_groups", null)
    assert (made["primary_stack_uid"], made["current_stack"]) == (None, 1)
    other = site.done("POST", "failover_groups")
    assert other["name"] != made["name"]


def test_a_group_is_created_with_the_uids_of_stacks() -> None:
    site = Site()
    sent = {"primary_stack_uid": stack(site, "us").upper(), "secondary_stack_uid": "eu"}
    made = site.done("POST", "failover_groups.json", sent)
    assert made["primary_stack_name"] == "us"
    status, body, _ = site.send("POST", "failover_groups", {"primary_stack_uid": "0" * 32})
    assert (status, body["details"]) == (404, f"there is no stack {'0' * 32!r}")


def test_a_group_gets_the_name_and_the_address_that_are_asked_for() -> None:
    site = Site()
    sent = {"name": "shop", "address": "shop.failover.test"}
    made = site.done("POST", "failover_groups", sent)
    assert (made["name"], made["address"]) == ("shop", "shop.failover.test")
    status, body, _ = site.send("POST", "failover_groups", sent)
    assert (status, body["error"], body["code"]) == (409, "conflict", "exists")
    status, _, _ = site.send("POST", "failover_groups", {"address": "shop"})
    assert status == 422


def test_a_taken_name_is_not_a_reason_to_refuse_a_group_without_a_name() -> None:
    """Names follow the revision; an operator may have used one already."""
    site = Site()
    revision = site.console.reply("whoami")["revision"]
    site.console.do(f"group add group-{revision + 2} --label taken")
    assert site.done("POST", "failover_groups")["name"] == f"group-{revision + 3}"


def test_a_repeated_post_with_an_idempotency_key_creates_one_group() -> None:
    site = Site()
    key = {"idempotency-key": ("deploy-7",)}
    first = site.done("POST", "failover_groups", {"primary_stack_uid": "eu"}, fields=key)
    again = site.done("POST", "failover_groups", {"primary_stack_uid": "eu"}, fields=key)
    assert again["uid"] == first["uid"]
    assert len(site.done("GET", "failover_groups")) == 1


@pytest.mark.parametrize(
    ("sent", "commands", "expected"),
    [
        ({}, [], ("eu", "us", 1)),
        ({"primary_stack_uid": None, "current_stack": None}, [], ("eu", "us", 1)),
        ({"current_stack": 1}, [], ("eu", "us", 1)),
        ({"current_stack": 2}, ["switch"], ("eu", "us", 2)),
        ({"current_stack": "Secondary"}, ["switch"], ("eu", "us", 2)),
        ({"secondary_stack_uid": "asia"}, ["group set"], ("eu", "asia", 1)),
        ({"secondary_stack_uid": ""}, ["group set"], ("eu", None, 1)),
        ({"primary_stack_uid": "", "secondary_stack_uid": ""}, ["group set"], (None, None, 1)),
        (
            {"secondary_stack_uid": "asia", "current_stack": 2},
            ["group set", "switch"],
            ("eu", "asia", 2),
        ),
        (
            {"primary_stack_uid": "asia", "current_stack": 2},
            ["switch", "group set"],
            ("asia", "us", 2),
        ),
        ({"primary_stack_uid": "", "current_stack": 2}, ["switch", "group set"], (None, "us", 2)),
        (
            {"primary_stack_uid": "us", "secondary_stack_uid": "asia", "current_stack": 2},
            ["group set", "switch", "group set"],
            ("us", "asia", 2),
        ),
    ],
    ids=[
        "nothing", "null", "where it is", "switch", "switch by a word", "attach", "detach",
        "detach both", "attach and switch to it", "replace what is left", "detach what is left",
        "all at once",
    ],
)  # fmt: skip
def test_an_update(
    site: Site,
    sent: dict[str, Json],
    commands: list[str],
    expected: tuple[str | None, str | None, int],
) -> None:
    shape = site.done("PUT", f"failover_groups/{uid(site)}", sent)
    assert (shape["ok"], shape["message"]) == (True, "Failover Group updated")
    names = shape["primary_stack_name"], shape["secondary_stack_name"], shape["current_stack"]
    assert names == expected
    assert site.commands() == commands


def test_what_a_client_read_can_be_sent_back(site: Site) -> None:
    """A script that gets a group, changes a field, and puts all of it."""
    shape = site.done("GET", f"failover_groups/{uid(site)}")
    done = site.done("PATCH", f"failover_groups/{uid(site)}.json", {**shape, "current_stack": 2})
    assert done["current_stack"] == 2
    status, body, _ = site.send("PUT", "failover_groups/shop", {"address": "x.failover.test"})
    assert (status, "never changes" in body["details"]) == (422, True)


def test_an_update_may_have_the_uid_in_its_body_or_query(site: Site) -> None:
    sent = {"uid": uid(site), "current_stack": 2}
    assert site.done("PUT", "failover_groups", sent)["current_stack"] == 2
    query = (("fg_uid", uid(site)), ("current_stack", "1"))
    assert site.done("PUT", "failover_groups.json", query=query)["current_stack"] == 1
    assert site.send("PUT", "failover_groups", {"current_stack": 2})[0] == 422
    assert site.send("PUT", "failover_groups/shop", {"uid": "other"})[0] == 422


def test_a_refused_switch_is_an_error_with_its_rules_and_changes_nothing(site: Site) -> None:
    site.console.do("health force us down")
    status, body, reply = site.send("PUT", f"failover_groups/{uid(site)}", {"current_stack": 2})
    assert status == 409
    assert reply.media_type == "application/problem+json"
    assert (body["error"], body["code"], body["status"]) == ("conflict", "refused", 409)
    assert [rule["rule"] for rule in body["rules"]] == ["target-down"]
    assert "target-down: " in body["details"]
    assert body["error_description"] == body["detail"]
    assert site.group()["active"] == "primary"


def test_rules_are_overridden_by_name(site: Site) -> None:
    site.console.do("health force us down")
    sent = {"current_stack": 2, "override": ["target-down"], "reason": "drill"}
    assert site.done("PUT", "failover_groups/shop", sent)["current_stack"] == 2
    form = "primary_stack_uid=asia&current_stack=2&override=active-side"
    assert site.done("PUT", "failover_groups/shop", form)["primary_stack_name"] == "asia"
    status, body, _ = site.send("PUT", "failover_groups/shop", {"secondary_stack_uid": "eu"})
    assert (status, body["code"]) == (409, "refused")
    sent = {"secondary_stack_uid": "eu", "override": ["active-side"]}
    assert site.done("PUT", "failover_groups/shop", sent)["secondary_stack_name"] == "eu"
    assert site.group()["answers"] == ["192.0.2.1"]


def test_an_application_that_was_attached_for_a_refused_switch_is_detached_again(
    site: Site,
) -> None:
    site.console.do("health force asia down")
    sent = {"secondary_stack_uid": "asia", "current_stack": 2}
    status, body, _ = site.send("PUT", "failover_groups/shop", sent)
    assert (status, body["code"]) == (409, "refused")
    assert site.commands() == ["group set", "switch", "group set"]
    assert site.group()["backup"]["application"] == "us"
    assert site.group()["active"] == "primary"


def test_nothing_is_taken_back_if_the_outcome_of_the_switch_is_not_known(site: Site) -> None:
    site.refuse["switch"] = {"code": "unknown-outcome", "message": "no reply"}
    sent = {"secondary_stack_uid": "asia", "current_stack": 2}
    assert site.send("PUT", "failover_groups/shop", sent)[0] == 504
    assert site.commands() == ["group set", "switch"]
    assert site.group()["backup"]["application"] == "asia"


def test_the_error_says_that_the_group_was_switched_if_only_the_rest_failed(site: Site) -> None:
    site.refuse["group set"] = {"code": "unavailable", "message": "the disk is full"}
    sent = {"primary_stack_uid": "", "current_stack": 2}
    status, body, reply = site.send("PUT", "failover_groups/shop", sent)
    assert status == 503
    assert "Retry-After" in reply.fields
    assert body["details"] == (
        "the disk is full; the group was switched, and its applications are as they were"
    )
    assert site.group()["active"] == "backup"


@pytest.mark.parametrize(
    "sent",
    [
        {"primary_stack_uid": "nothing", "current_stack": 2},
        {"secondary_stack_uid": "nothing", "current_stack": 2},
        {"primary_stack_uid": "us", "current_stack": 2},
        {"secondary_stack_uid": "", "current_stack": 2},
        {"current_stack": 3},
        {"current_stack": True},
        {"primary_stack_uid": 7},
        {"prymary_stack_uid": "us"},
        {"override": "no-such-rule", "current_stack": 2},
    ],
    ids=lambda sent: " ".join(sent),
)
def test_an_update_that_cannot_work_changes_nothing(site: Site, sent: dict[str, Json]) -> None:
    before = site.console.corridor.ledger.state.revision
    status, body, _ = site.send("PUT", f"failover_groups/{uid(site)}", sent)
    assert status in (404, 422), body
    assert site.console.corridor.ledger.state.revision == before


def test_if_match_guards_an_update(site: Site) -> None:
    _, _, reply = site.send("GET", "failover_groups/shop")
    match = {"if-match": (reply.fields["ETag"],)}
    assert site.done("PUT", "failover_groups/shop", {"current_stack": 2}, fields=match)
    status, body, _ = site.send("PUT", "failover_groups/shop", {"current_stack": 1}, fields=match)
    assert (status, body["code"]) == (412, "conflict")
    assert site.done(
        "PUT", "failover_groups/shop", {"current_stack": 1}, fields={"if-match": ("*",)}
    )


def test_a_group_with_applications_is_deleted_after_both_are_detached(site: Site) -> None:
    path = f"failover_groups/{uid(site)}"
    status, body, _ = site.send("DELETE", path)
    assert (status, body["code"]) == (409, "in-use")
    assert "still has applications" in body["details"]
    site.done("PUT", path, {"primary_stack_uid": "", "secondary_stack_uid": ""})
    assert site.done("DELETE", path) == {"ok": True, "message": "Failover Group deleted"}
    assert site.send("DELETE", path)[0] == 404
    assert site.done("GET", "failover_groups") == []


def test_a_group_is_deleted_by_a_uid_in_the_query(site: Site) -> None:
    site.console.do("group add bare --label bare")
    query = (("fg_uid", uid(site, "bare")),)
    assert site.done("DELETE", "failover_groups", query=query)["ok"] is True


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("POST", "failover_groups/shop", 405, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
        ("POST", "stacks", 405, "GET, HEAD, OPTIONS"),
        ("TRACE", "failover_groups", 405, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        ("OPTIONS", "failover_groups", 204, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        ("GET", "servers", 404, None),
        ("GET", "", 404, None),
        ("GET", "stacks/eu/servers", 404, None),
    ],
)
def test_other_methods_and_paths(
    site: Site, method: str, path: str, status: int, allow: str | None
) -> None:
    found, _, reply = site.send(method, path)
    assert (found, reply.fields.get("Allow")) == (status, allow)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b'{"current_stack": 1, "current_stack": 2}', "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"a=%ff&" * 200, "application/x-www-form-urlencoded", 400),
        (b"current_stack=1&current_stack=2", "application/x-www-form-urlencoded", 422),
        (b"{]", "application/x-www-form-urlencoded", 400),
        (b"current_stack=1", "text/plain", 415),
        (b"current_stack=1", "", 415),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_body_that_cannot_be_read(site: Site, body: bytes, kind: str, status: int) -> None:
    fields = {"content-type": (kind,)} if kind else {}
    request = WebRequest("PUT", "", (), fields, body)
    reply = run(serve(request, "failover_groups/shop", site.ask))
    shape = json.loads(reply.body)
    assert reply.status == status, shape
    assert isinstance(shape["error"], str)
    assert isinstance(shape["details"], str)
