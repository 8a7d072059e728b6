// The page: its frame, which view is shown, and what follows from keys and clicks.

import { startAction } from "./actions/start.js";
import { note, say } from "./page/announce.js";
import { age, duration, exact, now, tick } from "./page/clock.js";
import { h, render } from "./page/dom.js";
import { icon } from "./page/icons.js";
import { KEYS, listenToKeys } from "./page/keyboard.js";
import { empty } from "./page/parts.js";
import { goTo, linkTo, route } from "./page/router.js";
import { followEvents } from "./server/events.js";
import { signOut, takeFromAddress, token, whenRefused } from "./server/session.js";
import { attention } from "./state/attention.js";
import { changed, known, load, loadSoon, subscribe, take, takeConnection, takeStore } from "./state/known.js";
import { listed, switchedIn, titleOf, whoOf } from "./state/words.js";
import { applicationsView, applicationView } from "./views/applications.js";
import { automationView } from "./views/automation.js";
import { certificatesView } from "./views/certificates.js";
import { groupsView } from "./views/groups.js";
import { groupView } from "./views/group.js";
import { historyView } from "./views/history.js";
import { overview } from "./views/overview.js";
import { serverView } from "./views/server.js";
import { askForToken } from "./views/sign-in.js";
import { zonesView } from "./views/zones.js";

const VIEWS = [
  { path: "", title: "Overview", view: overview },
  { path: "groups", title: "Groups", view: groupsView, single: groupView },
  { path: "applications", title: "Applications", view: applicationsView, single: applicationView },
  { path: "certificates", title: "Certificates", view: certificatesView },
  { path: "zones", title: "Zones", view: zonesView },
  { path: "automation", title: "Automation", view: automationView },
  { path: "history", title: "History", view: historyView },
  { path: "server", title: "Server", view: serverView },
];
const FRESHEN = 60000; // milliseconds; not everything that is shown has an event
const LARGE = 2000; // groups; above that, only what has an event is followed

const page = {
  view: null, // what is shown
  shown: null, // its route, as a text
  isMenuOpen: false,
  retry: () => {},
};
const main = document.getElementById("main");

function draw() {
  drawTop();
  drawNav();
  if (!known.loaded) {
    render(main, h("h1", { id: "title", tabindex: "-1" }, "failoverdns"), empty("Loading …"));
    return;
  }
  openView();
  page.view.draw();
}

function openView() {
  const now_ = route();
  const shown = location.hash;
  if (page.shown === shown && page.view !== null) return;
  const wasThere = page.shown !== null;
  const [before] = (page.shown ?? "").split("?");
  page.shown = shown;
  if (page.view?.follow && before === shown.split("?")[0]) {
    page.view.follow(now_);
    showSearch(now_);
    return;
  }
  page.view?.end?.();
  const found = VIEWS.find(({ path }) => path === (now_.path[0] ?? "")) ?? VIEWS[0];
  const build = now_.path.length > 1 && found.single ? found.single : found.view;
  main.replaceChildren();
  page.view = build(main, now_);
  page.view.start?.();
  page.isMenuOpen = false;
  document.title = `${now_.path[1] ? `${now_.path[1]} · ` : ""}${found.title} · failoverdns`;
  showSearch(now_);
  page.view.draw();
  const isSearching = document.activeElement?.id === "search";
  if (wasThere && before !== shown.split("?")[0] && !isSearching) {
    scrollTo(0, 0);
    document.getElementById("title")?.focus({ preventScroll: true });
  }
  drawNav();
}

// Show the search of a route, unless it is being typed.
function showSearch({ path, query }) {
  const search = document.getElementById("search");
  if (search === null || document.activeElement === search) return;
  search.value = path[0] === "groups" && path.length === 1 ? (query.get("q") ?? "") : "";
}

function drawTop() {
  const { connection, who } = known;
  render(
    document.getElementById("top"),
    h(
      "div",
      { class: "bar" },
      h(
        "button",
        { type: "button", class: "plain menu", "data-do": "menu", "aria-expanded": String(page.isMenuOpen), "aria-controls": "nav", "aria-label": "Views" },
        icon("menu"),
      ),
      h("a", { class: "brand", href: "#/" }, h("span", { class: "logo", "aria-hidden": "true" }), h("span", {}, "failoverdns")),
      h(
        "form",
        { role: "search", class: "search" },
        icon("search"),
        h("label", { class: "unseen", for: "search" }, "Search groups"),
        h("input", {
          id: "search",
          type: "search",
          placeholder: "Search groups",
          autocomplete: "off",
          spellcheck: "false",
          "aria-keyshortcuts": "/",
        }),
        h("kbd", { "aria-hidden": "true" }, "/"),
      ),
      h("p", { class: `live ${connection.live ? "up" : "down"}`, title: connection.live ? "Changes appear as they happen" : "" },
        h("span", { class: "dot", "aria-hidden": "true" }),
        h("span", {}, connection.live ? "live" : known.loaded ? "not live" : "connecting")),
      who ? h("p", { class: "me" }, h("span", { class: "who" }, short(who.principal)), h("span", { class: "role" }, who.role ?? "no role")) : null,
      token() !== null ? h("button", { type: "button", class: "button small", "data-do": "sign-out" }, "Sign out") : null,
    ),
    known.loaded && !connection.live && connection.since !== null ? lost(connection) : null,
  );
  document.body.classList.toggle("old", known.loaded && !connection.live && connection.since !== null);
}

function short(principal) {
  return principal.replace(/^token:/, "");
}

function lost({ since, retryAt }) {
  const left = Math.max(0, (retryAt ?? 0) - now());
  return h(
    "div",
    { class: "lost" },
    icon("warning"),
    h("p", {},
      h("strong", {}, "The server does not answer. "),
      "What you see is from ",
      exact(since),
      ", ",
      age(new Date(since).toISOString()),
      ". ",
      left > 0 ? `Next attempt in ${duration(left)}.` : "Trying now …"),
    h("button", { type: "button", class: "button small", "data-do": "retry" }, "Try now"),
  );
}

function drawNav() {
  const here = route().path[0] ?? "";
  const urgent = known.loaded ? attention(known, now()).filter(({ level }) => level === "critical") : [];
  const number = urgent.reduce((sum, { items }) => sum + items.length, 0);
  document.getElementById("nav").classList.toggle("open", page.isMenuOpen);
  render(
    document.getElementById("nav"),
    h(
      "ul",
      {},
      VIEWS.map(({ path, title }) =>
        h(
          "li",
          {},
          h(
            "a",
            { href: `#/${path}`, "aria-current": path === here ? "page" : null },
            title,
            path === "" && number
              ? h("span", { class: "count" }, number, h("span", { class: "unseen" }, " urgent"))
              : null,
          ),
        ),
      ),
    ),
    h(
      "p",
      { class: "foot" },
      h("button", { type: "button", class: "plain", "data-do": "keys" }, "Keys ", h("kbd", {}, "?")),
      token() !== null
        ? h("button", { type: "button", class: "plain only-small", "data-do": "sign-out" }, "Sign out")
        : null,
    ),
  );
}

function showKeys() {
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "keys-title" },
    h(
      "form",
      { method: "dialog", class: "action" },
      h("header", {}, h("h2", { id: "keys-title" }, "Keys")),
      h("div", { class: "body" }, h("dl", { class: "keys" }, KEYS.map(([key, what]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, what))))),
      h("footer", {}, h("button", { class: "button strong" }, "Close")),
    ),
  );
  const opener = document.activeElement;
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (opener?.isConnected) opener.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
}

const DO = {
  menu: () => (page.isMenuOpen = !page.isMenuOpen),
  "sign-out": () => signOut(),
  retry: () => page.retry(),
  keys: showKeys,
  more: () => page.view.more?.(),
  "select-all": () => page.view.selectAll?.(),
  clear: () => page.view.clear?.(),
};

document.addEventListener("click", (event) => {
  if (event.target.closest(".skip") !== null) {
    event.preventDefault(); // the fragment is the route
    main.focus();
    return;
  }
  const button = event.target.closest("[data-do]");
  if (button !== null) {
    const { do: name, ...data } = button.dataset;
    if (!startAction(name, data)) DO[name]?.();
    changed();
    return;
  }
  const picked = event.target.closest("[data-pick]");
  if (picked !== null) {
    page.view.select?.(picked.dataset.pick, picked.checked);
    changed();
    return;
  }
  const row = event.target.closest(".groups [data-group]");
  if (row !== null && !event.target.closest("a") && !getSelection().toString()) {
    location.hash = linkTo(["groups", row.dataset.group]);
  }
});

document.addEventListener("input", (event) => {
  if (event.target.id !== "search") return;
  const text = event.target.value;
  goTo(linkTo(["groups"], text.trim() ? { q: text } : {}), { replace: route().path[0] === "groups" });
});

document.addEventListener("keydown", (event) => {
  if (event.target.id !== "search") return;
  if (event.key === "Escape") {
    event.target.value = "";
    if (route().query.get("q")) goTo("#/groups", { replace: true });
    else event.target.blur();
    event.preventDefault();
  } else if (event.key === "ArrowDown" || event.key === "Enter") {
    event.preventDefault();
    if (route().path[0] !== "groups") location.hash = "#/groups";
    else page.view.focusList?.();
  }
});

document.addEventListener("submit", (event) => {
  if (event.target.getAttribute("role") === "search") event.preventDefault();
});

listenToKeys({
  "/": () => {
    const search = document.getElementById("search");
    search?.focus();
    search?.select();
  },
  "?": showKeys,
});

// Take one event of the stream: what is known changes, and switches are announced.
function takeEvent(kind, data) {
  if (kind === "reset") return loadSoon();
  let event;
  try {
    event = JSON.parse(data);
  } catch {
    return loadSoon();
  }
  if (kind === "store" || event.event === "store") {
    takeStore(event);
    note(event.writable ? "The state can be written again" : `The state cannot be written: ${event.fault}`, event.writable ? "info" : "critical");
    return undefined;
  }
  announce(event);
  return take(event);
}

function announce(event) {
  const switched = switchedIn(event.changed);
  if (switched.length) {
    const link = switched.length === 1 ? linkTo(["groups", switched[0].name]) : "#/history";
    note(`${titleOf(event)}, by ${whoOf(event).name}`, "info", link);
  } else if (event.command?.held) {
    note(titleOf(event), "warning", linkTo(["groups", event.command.group]));
  } else {
    const down = (event.changed ?? []).filter(({ kind, fields }) => kind === "application" && fields?.health?.[1] === "down");
    if (down.length) note(`Down: ${listed(down.map(({ name }) => name))}`, "critical", linkTo(["applications", down[0].name]));
  }
}

function report(connection) {
  const was = known.connection;
  takeConnection(connection);
  if (connection.live && was.since !== null && !was.live) note("The server answers again");
  if (!connection.live && (was.live || was.since === null)) say("The server does not answer. What you see is old.", true);
}

async function start() {
  takeFromAddress();
  whenRefused(askForToken);
  subscribe(draw);
  addEventListener("hashchange", () => {
    takeFromAddress();
    draw();
  });
  draw();
  setInterval(() => {
    tick();
    if (known.loaded && !known.connection.live && known.connection.since !== null) drawTop();
  }, 1000);
  let revision = null;
  while (revision === null) {
    try {
      revision = await load();
    } catch (error) {
      render(main, h("h1", { id: "title", tabindex: "-1" }, "failoverdns"), h("p", { role: "alert" }, `The server cannot be read: ${error.message}. Trying again …`));
      await new Promise((resolve) => setTimeout(resolve, 3000));
    }
  }
  page.retry = followEvents(revision, takeEvent, report);
  addEventListener("online", () => page.retry());
  document.addEventListener("visibilitychange", () => document.hidden || page.retry());
  setInterval(() => {
    if (!document.hidden && known.connection.live && known.groups.size < LARGE) loadSoon();
  }, FRESHEN);
}

start();
