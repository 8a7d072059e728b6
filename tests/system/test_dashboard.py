"""The dashboard does in a real browser what operators use it for, also by keys alone.

All tests share one server and one browser; each of them has a page of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Route, expect
from system.browser import MANY, VIEWS, Site, Visit, chromium
from system.server import wait_for

IN_THE_DARK = ("", "groups", "groups/shop", "automation")
SHOP = "414-262-781.failover.test"
EU, US = ["192.0.2.10"], ["198.51.100.20"]

Visitor = Callable[..., Visit]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    found = Site(tmp_path_factory.mktemp("dashboard"))
    yield found
    found.server.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def visitor(site: Site, browser: Browser) -> Iterator[Visitor]:
    """Open pages; at the end none has an error, a violation of the CSP, or asked another host."""
    site.server.do(command="switch", groups=["shop"], to="primary")
    visits: list[Visit] = []

    def visit(**settings: object) -> Visit:
        context = browser.new_context(**settings)  # type: ignore[arg-type]
        visits.append(Visit(site, context.new_page()))
        return visits[-1]

    yield visit
    for each in visits:
        each.page.context.close()
        assert not each.faults


def test_who_has_no_token_reads_how_to_get_one_and_signs_in(site: Site, visitor: Visitor) -> None:
    page = visitor().page
    page.goto(site.address)
    form = page.get_by_role("dialog", name="Sign in")
    expect(form).to_contain_text("failoverdns token add")
    expect(form.get_by_label("Token")).to_be_focused()
    form.get_by_label("Token").fill("fdns_aaaaaaaaaa_" + "a" * 52)
    form.get_by_role("button", name="Sign in").click()
    expect(form).to_contain_text("does not accept this token")
    form.get_by_label("Token").fill(site.tokens["viewer"])
    form.get_by_role("button", name="Sign in").click()
    expect(page.locator(".tiles")).to_be_visible()
    expect(page.locator(".me")).to_contain_text("viewer")
    assert site.tokens["viewer"] not in page.url
    assert page.evaluate("localStorage.length") == 0
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("dialog", name="Sign in")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_token_in_the_address_is_taken_and_removed_at_once(site: Site, visitor: Visitor) -> None:
    page = visitor().open()
    assert "token" not in page.url
    page.reload()
    expect(page.locator(".tiles")).to_be_visible()


def test_a_switch_by_clicking_is_shown_first_and_then_seen_by_dig(
    site: Site, visitor: Visitor
) -> None:
    page = visitor().open("groups/shop")
    page.get_by_role("button", name="Switch…", exact=True).click()
    box = page.get_by_role("dialog", name="Switch shop")
    expect(box).to_contain_text("1 group would be switched")
    expect(box).to_contain_text("198.51.100.20")
    expect(box).to_contain_text("The last client that honours the TTL leaves")
    assert site.server.short(SHOP) == EU
    box.locator("[name=reason]").fill("a test by clicking")
    box.get_by_role("button", name="Switch shop to the backup").click()
    expect(box).to_contain_text("Done: 1 group switched")
    assert site.server.short(SHOP) == US
    box.get_by_role("button", name="Close").last.click()
    expect(page.get_by_label("The backup side")).to_contain_text("active")
    last = site.server.do(command="history", limit=1)["history"][0]
    assert last["command"]["reason"] == "a test by clicking"
    assert last["who"]["principal"] == "token:operator"
    expect(page.locator(".changes").first).to_contain_text("a test by clicking")


def test_several_groups_are_switched_in_one_step(site: Site, visitor: Visitor) -> None:
    page = visitor().open("groups")
    page.locator("#search").fill("customer-11")
    for name in ("customer-11", "customer-110"):
        page.get_by_label(f"Select {name}", exact=True).check()
    before = site.server.do(command="status", group="shop")["revision"]
    page.get_by_role("region", name="Selected groups").get_by_role(
        "button", name="Switch…", exact=True
    ).click()
    box = page.get_by_role("dialog", name="Switch 2 groups")
    expect(box).to_contain_text("2 groups would be switched")
    box.locator("button[type=submit]").click()
    expect(box).to_contain_text("Done: 2 groups switched")
    assert site.server.do(command="status", group="shop")["revision"] == before + 1


def test_a_refused_switch_shows_its_rules_and_needs_a_reason_to_override(
    site: Site, visitor: Visitor
) -> None:
    page = visitor().open("groups/pinned")
    page.get_by_role("button", name="Switch…", exact=True).click()
    box = page.get_by_role("dialog", name="Switch pinned")
    expect(box).to_contain_text("Refused by 1 rule")
    expect(box).to_contain_text("at-home")
    submit = box.locator("button[type=submit]")
    expect(submit).to_have_attribute("aria-disabled", "true")
    box.get_by_label("Override at-home").check()
    expect(box).to_contain_text("To override a rule, give a reason")
    expect(submit).to_have_attribute("aria-disabled", "true")
    submit.click(force=True)
    box.locator("[name=reason]").fill("the rule is wrong today")
    expect(submit).to_have_attribute("aria-disabled", "false")
    submit.click()
    expect(box).to_contain_text("Done: 1 group switched")
    last = site.server.do(command="history", limit=1)["history"][0]
    assert last["command"]["override"] == ["at-home"]
    site.server.do(command="switch", groups=["pinned"], to="primary")


def test_a_viewer_is_offered_no_action(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open(role="viewer")
    for view in VIEWS:
        visit.go(view)
        for action in ("switch", "plan", "maintenance", "freeze", "flag", "force", "cancel"):
            expect(page.locator(f"[data-do={action}]")).to_have_count(0)
        expect(page.locator("[data-pick]")).to_have_count(0)


def test_a_switch_on_the_command_line_appears_by_itself_and_is_announced(
    site: Site, visitor: Visitor
) -> None:
    page = visitor().open("groups/shop")
    site.server.ctl("switch", "shop", "--to", "backup", "--reason", "from the command line")
    expect(page.get_by_label("The backup side")).to_contain_text("active")
    expect(page.locator("#polite")).to_contain_text("Switched shop to the backup")


def test_it_says_when_it_has_lost_the_server_and_takes_up_again(
    site: Site, visitor: Visitor
) -> None:
    page = visitor().open("groups/shop")
    site.server.kill()
    expect(page.locator(".lost")).to_contain_text("The server does not answer")
    expect(page.locator("#urgent")).to_contain_text("The server does not answer")
    expect(page.get_by_label("The primary side")).to_contain_text("active")
    site.server.start()
    site.wait_until_served()
    site.server.do(command="switch", groups=["shop"], to="backup")
    page.evaluate("document.querySelector('.lost button')?.click()")  # or by itself, a bit later
    expect(page.locator(".lost")).to_have_count(0)
    expect(page.get_by_label("The backup side")).to_contain_text("active")


def test_an_answer_that_is_lost_does_not_switch_twice(site: Site, visitor: Visitor) -> None:
    """The first answer never arrives; asking again with the same key returns it."""
    page = visitor().open("groups/shop")
    keys: list[str] = []

    def lose_the_first(route: Route) -> None:
        if "dry_run" in (route.request.post_data or ""):
            route.continue_()
            return
        keys.append(route.request.headers["idempotency-key"])
        response = route.fetch()
        if len(keys) == 1:
            route.abort()
        else:
            route.fulfill(response=response)

    page.route("**/api/v1/switch", lose_the_first)
    page.get_by_role("button", name="Switch…", exact=True).click()
    box = page.get_by_role("dialog", name="Switch shop")
    before = site.server.do(command="status", group="shop")["revision"]
    expect(box).to_contain_text("1 group would be switched")
    box.locator("button[type=submit]").click()
    expect(box).to_contain_text("The outcome is unknown")
    expect(box).to_contain_text("Done: 1 group switched")
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert site.server.do(command="status", group="shop")["revision"] == before + 1


def test_what_changed_meanwhile_is_a_conflict_and_nothing_typed_is_lost(
    site: Site, visitor: Visitor
) -> None:
    page = visitor().open("groups/shop")
    page.get_by_role("button", name="Switch…", exact=True).click()
    box = page.get_by_role("dialog", name="Switch shop")
    box.locator("[name=reason]").fill("typed with care")
    expect(box).to_contain_text("1 group would be switched")
    site.server.do(command="group set", name="shop", ttl=59)
    box.locator("button[type=submit]").click()
    expect(box).to_contain_text("Something changed since you looked")
    expect(box.locator("[name=reason]")).to_have_value("typed with care")
    assert site.server.short(SHOP) == EU
    page.keyboard.press("Escape")
    page.reload()
    page.get_by_role("button", name="Switch…", exact=True).click()
    expect(box.locator("[name=reason]")).to_have_value("typed with care")
    expect(box).to_contain_text("1 group would be switched")
    box.locator("button[type=submit]").click()
    expect(box).to_contain_text("Done: 1 group switched")
    site.server.do(command="group set", name="shop", ttl=60)


def test_a_token_that_ends_leads_to_signing_in_and_back(site: Site, visitor: Visitor) -> None:
    site.tokens["passing"] = site.add_token("passing", "operator")
    page = visitor().open("groups/shop", role="passing")
    page.get_by_role("button", name="Maintenance…").click()
    box = page.get_by_role("dialog", name="Maintenance of shop")
    box.locator("[name=reason]").fill("typed before the token ended")
    expect(box).to_contain_text("Probes continue")
    site.server.do(command="token remove", name="passing")
    box.locator("button[type=submit]").click()
    form = page.get_by_role("dialog", name="Sign in")
    expect(form).to_contain_text("does not accept this token")
    form.get_by_label("Token").fill(site.tokens["operator"])
    form.get_by_role("button", name="Sign in").click()
    expect(box).to_contain_text("shop is in maintenance")
    history = site.server.do(command="history", group="shop", limit=1)["history"]
    assert history[0]["command"]["reason"] == "typed before the token ended"
    site.server.do(command="maintenance", group="shop", state="off")


def test_plans_maintenance_freezing_and_forced_health_are_shown_before_they_are_done(
    site: Site, visitor: Visitor
) -> None:
    visit = visitor()
    page = visit.open("groups/customer-7")

    def act(button: str, shown: str, done: str) -> None:
        page.get_by_role("button", name=button, exact=True).first.click()
        box = page.locator("dialog.dialog")
        expect(box).to_contain_text(shown)
        submit = box.locator("button[type=submit]")
        expect(submit).to_have_attribute("aria-disabled", "false")
        submit.click()
        expect(box).to_contain_text(done)
        box.get_by_role("button", name="Close").last.click()

    act("Plan a switch…", "1 group would be switched", "Planned: 1 switch")
    act("Cancel the plan…", "It would not be switched", "is cancelled")
    act("Maintenance…", "Automation would not switch it", "is in maintenance")
    act("End maintenance…", "would decide again", "is not in maintenance")
    visit.go("automation")
    act("Freeze automation…", "would not switch automatically", "Automation is frozen")
    expect(page.locator("#main")).to_contain_text("Frozen")
    act("Thaw automation…", "would switch automatically again", "Automation is on again")
    visit.go("applications/shop-us")
    act("Force its health…", "groups follow it", "is forced down")
    expect(page.locator("#main h1 + .health")).to_contain_text("down")
    act("Force its health…", "Now", "is as probes see it")


def test_the_search_finds_groups_as_one_types_and_draws_only_what_is_visible(
    visitor: Visitor,
) -> None:
    page = visitor().open("groups")
    status = page.locator("#main .heading [role=status]")
    search = page.locator("#search")
    expect(status).to_have_text(f"{MANY + 2} shown")
    assert page.locator(".rows .row").count() < 60
    expect(page.get_by_role("grid")).to_have_attribute("aria-rowcount", str(MANY + 3))
    for text, shown in (
        ("customer-29", "11"),
        ("shop-us customer-299", "1"),
        ("active:primary -customer", "2"),
        ("app:shop-* name:pinned", "1"),
        ("zone:elsewhere", "0"),
        ("policy:none", "2"),
        ("is:maintenance", "0"),
    ):
        search.fill(text)
        expect(status).to_have_text(f"{shown} of {MANY + 2} shown")
    search.fill("is:nonsense")
    expect(page.locator("#main")).to_contain_text("Unknown filter: is:nonsense")
    search.fill("")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(page.locator("[data-group=shop]")).to_be_visible()
    assert page.locator(".rows .row").count() < 60


def test_everything_works_with_the_keyboard_alone(site: Site, visitor: Visitor) -> None:
    page = visitor().open()
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("shop 414")
    expect(page.locator(".rows .row")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-group=shop]")).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("s")
    box = page.get_by_role("dialog", name="Switch shop")
    expect(box).to_contain_text("1 group would be switched")
    for _ in range(12):
        page.keyboard.press("Tab")
        inside = (
            "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )
        assert page.evaluate(inside)
    page.keyboard.press("Escape")
    expect(box).to_have_count(0)
    expect(page.locator("[data-group=shop]")).to_be_focused()
    page.keyboard.press("s")
    expect(box).to_contain_text("1 group would be switched")
    box.locator("[name=reason]").focus()
    page.keyboard.type("by keys alone")
    page.keyboard.press("Control+Enter")
    expect(box).to_contain_text("Done: 1 group switched")
    assert site.server.short(SHOP) == US
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    expect(page.locator("#title")).to_have_text("shop")
    expect(page.locator("#title")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


def test_no_view_is_wider_than_a_telephone(visitor: Visitor) -> None:
    visit = visitor(viewport={"width": 360, "height": 740}, has_touch=True)
    page = visit.open()
    for view in VIEWS:
        visit.go(view)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, view
    page.get_by_role("button", name="Views").click()
    page.get_by_role("link", name="History").click()
    expect(page.locator("#title")).to_have_text("History")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_view_has_a_fault_that_axe_finds(visitor: Visitor, scheme: str) -> None:
    """In the dark only colours differ, and these views have all of them.

    No view shows a field that the server does not have.
    """
    visit = visitor(color_scheme=scheme, reduced_motion="reduce")
    page = visit.open()
    options = {"runOnly": ["color-contrast"]} if scheme == "dark" else None
    axe, found = Axe(), []
    for view in VIEWS if scheme == "light" else IN_THE_DARK:
        visit.go(view)
        result = axe.run(page, options=options)
        found += [(view, each["id"]) for each in result.response["violations"]]
        text = page.locator("#main").inner_text()
        assert not re.search(r"undefined|NaN|\[object|Invalid Date", text), view
    visit.go("groups/pinned")
    page.get_by_role("button", name="Switch…", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("Refused by")
    found += [
        ("dialog", each["id"]) for each in axe.run(page, options=options).response["violations"]
    ]
    assert not found


def test_names_are_shown_as_text_and_never_read_as_html(site: Site, visitor: Visitor) -> None:
    """Names are limited to letters, digits and few signs; reasons and details are not."""
    site.server.do(
        command="maintenance", group="customer-3", state="on",
        reason="<img src=x onerror=\"document.title='taken over'\">",
    )  # fmt: skip
    visit = visitor()
    page = visit.open("groups/customer-3")
    expect(page.locator("#main")).to_contain_text("<img src=x")
    for view in ("", "history", "automation"):
        visit.go(view)
        expect(page.locator("#main")).to_contain_text("<img src=x")
    assert page.locator("#main img").count() == 0
    assert "taken over" not in page.title()
    site.server.do(command="maintenance", group="customer-3", state="off")


def test_a_script_that_is_put_into_the_page_is_not_run(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open()
    page.evaluate(
        "() => { const script = document.createElement('script');"
        " script.textContent = \"document.title = 'taken over'\"; document.body.append(script); }"
    )
    wait_for(lambda: any("Content Security Policy" in fault for fault in visit.faults))
    visit.faults.clear()
    assert "taken over" not in page.title()
