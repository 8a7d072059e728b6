"""Cloud 66's failover group API, as curl and a client that was written for it use it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from replies import check
from system.server import DEADLINE, Server
from system.web import HTTP, add_token, curl, port, serving

pytestmark = pytest.mark.system


@dataclass
class TheirClient:
    """What a client of their API does: `null` for what is not set, texts out of errors, pages.

    `url` stands for `CLOUD66_API_URL`.
    """

    url: str
    token: str

    def call(self, method: str, path: str, fields: Any = None) -> Any:
        """Send a request; return the whole body.  Raises RuntimeError with the text of an error."""
        data = json.dumps(fields).encode() if fields is not None else None
        headers = {"Authorization": f"bearer {self.token}", "Accept": "application/json"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        request = Request(f"{self.url}/api/3{path}", data, headers, method=method)
        try:
            with urlopen(request, timeout=DEADLINE) as response:
                return json.load(response)
        except HTTPError as fault:
            found = json.load(fault)
            assert isinstance(found["error"], str)
            raise RuntimeError(found["details"] or found["error_description"]) from None

    def pages(self, path: str) -> list[dict[str, Any]]:
        """Return everything of a list, page by page."""
        found: list[dict[str, Any]] = []
        page = 1
        while True:
            body = self.call("GET", f"{path}?page={page}")
            found += body["response"]
            if (body["pagination"]["next"] or 0) <= body["pagination"]["current"]:
                return found
            page = body["pagination"]["next"]

    def stack(self, name: str) -> str:
        """Return the UID of a stack by its name."""
        return next(one["uid"] for one in self.pages("/stacks.json") if one["name"] == name)

    def groups(self) -> list[dict[str, Any]]:
        """Return all failover groups."""
        found: list[dict[str, Any]] = self.call("GET", "/failover_groups.json")["response"]
        return found

    def add(
        self, primary: str | None = None, secondary: str | None = None, current: int | None = None
    ) -> None:
        """Create a failover group."""
        self.call("POST", "/failover_groups", _fields(primary, secondary, current))

    def update(
        self,
        uid: str,
        primary: str | None = None,
        secondary: str | None = None,
        current: int | None = None,
    ) -> None:
        """Change a failover group."""
        self.call("PUT", f"/failover_groups/{uid}", _fields(primary, secondary, current))

    def delete(self, uid: str) -> None:
        """Delete a failover group."""
        self.call("DELETE", f"/failover_groups/{uid}")


def _fields(primary: str | None, secondary: str | None, current: int | None) -> dict[str, Any]:
    return {
        "primary_stack_uid": primary,
        "secondary_stack_uid": secondary,
        "current_stack": current,
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server with HTTP and two applications with addresses."""
    running = Server(tmp_path_factory.mktemp("cloud66"), HTTP)
    try:
        running.start()
        serving(running)
        for name, address in (("shop-eu", "192.0.2.10"), ("shop-us", "198.51.100.20")):
            running.do(command="application add", name=name)
            running.do(
                command="head add",
                application=name,
                name="lb1",
                role="load-balancer",
                address=[address],
            )
        yield running
    finally:
        running.kill()


def test_a_client_of_theirs_creates_switches_and_deletes_a_group(server: Server) -> None:
    client = TheirClient(
        f"http://127.0.0.1:{port(server)}/api/cloud66", add_token(server, "client")
    )
    eu, us = client.stack("shop-eu"), client.stack("shop-us")
    client.add(eu, us)
    (group,) = client.groups()
    check("FailoverGroup", group, "failover_groups")
    assert (group["primary_stack_uid"], group["current_stack"]) == (eu, 1)
    assert server.short(group["address"]) == ["192.0.2.10"]
    client.update(group["uid"], current=2)
    assert server.short(group["address"]) == ["198.51.100.20"]
    server.do(command="health force", target="shop-eu", state="down")
    with pytest.raises(RuntimeError, match="target-down: "):
        client.update(group["uid"], current=1)
    assert server.short(group["address"]) == ["198.51.100.20"]
    server.do(command="health force", target="shop-eu", state="none")
    with pytest.raises(RuntimeError, match="still has applications"):
        client.delete(group["uid"])
    client.update(group["uid"], primary="", secondary="")
    assert server.short(group["address"]) == []
    client.delete(group["uid"].removeprefix("fg-"))
    assert client.groups() == []
    client.token = "4c9c9b1111"
    with pytest.raises(RuntimeError, match="token"):
        client.groups()


def test_curl_sends_forms(server: Server) -> None:
    base = f"http://127.0.0.1:{port(server)}/api/cloud66/failover_groups"
    bearer = ("-H", f"Authorization: Bearer {add_token(server, 'curl')}")
    fields = ("-d", "primary_stack_uid=shop-eu", "-d", "secondary_stack_uid=shop-us")
    made = curl(f"{base}.json", *bearer, *fields, "-d", "name=curled").stdout
    assert made.endswith("200"), made
    group = json.loads(made[:-3])["response"]
    check("FailoverGroupDone", group, "failover_groups")
    switched = curl(
        f"{base}/{group['uid']}.json", *bearer, "-X", "PUT", "-d", "current_stack=secondary"
    ).stdout
    assert json.loads(switched[:-3])["response"]["current_stack"] == 2
    assert server.short(group["address"]) == ["198.51.100.20"]
    history = server.do(command="history", group="curled", limit=1)["history"][0]
    assert history["who"]["principal"] == "token:curl"
    refused = curl(f"{base}/{group['uid']}", *bearer, "-X", "PUT", "-d", "current_stack=3").stdout
    assert refused.endswith("422")
    check("Cloud66Problem", json.loads(refused[:-3]), "failover_groups")
    broken = curl(f"{base}?page=%08", *bearer).stdout
    assert broken.endswith("400")
    check("Cloud66Problem", json.loads(broken[:-3]), "failover_groups")
    viewer = ("-H", f"Authorization: Bearer {add_token(server, 'looks', 'viewer')}")
    assert curl(f"{base}.json", *viewer).stdout.endswith("200")
    denied = curl(f"{base}/{group['uid']}", *viewer, "-X", "DELETE").stdout
    assert (denied[-3:], json.loads(denied[:-3])["error"]) == ("403", "forbidden")
