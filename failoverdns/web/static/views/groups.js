// All groups: the search, the list, and what is done with those that are selected.

import { now } from "../page/clock.js";
import { h, render } from "../page/dom.js";
import { button, chip, empty, health, heading, targets } from "../page/parts.js";
import { linkTo } from "../page/router.js";
import { VirtualList } from "../page/virtual-list.js";
import { draining, factsOf } from "../state/facts.js";
import { known } from "../state/known.js";
import { may, mayAct } from "../state/rights.js";
import { HINTS, inOrder, searched } from "../state/search.js";
import { age, duration } from "../page/clock.js";
import { openSwitch } from "../actions/switch.js";

const MOST_SELECTED = 1000; // groups of one switch; the server takes some thousand

const selected = new Set();
const COLUMNS = ["Group", "Primary", "Backup", "Answers", "Notes"];

export function groupsView(root, { query }) {
  let search = query.get("q") ?? "";
  const head = h("div", {});
  const list = h("div", { class: "groups", role: "grid", "aria-label": "Groups" });
  const below = h("div", {});
  root.replaceChildren(head, list, below);
  const columns = h("div", { role: "rowgroup" });
  list.append(columns);
  const rows = new VirtualList(list, row);
  let shown = [];
  rows.inner.addEventListener("keydown", (event) => keys(event, rows));
  return {
    draw() {
      const { found, unknown } = searched(inOrder(known), search);
      shown = found;
      for (const name of selected) if (!known.groups.has(name)) selected.delete(name);
      list.setAttribute("aria-rowcount", String(found.length + 1));
      list.classList.toggle("selectable", mayAct());
      render(head, summary(found.length, search, unknown));
      render(columns, titles());
      rows.show(found);
      render(
        below,
        found.length ? null : nothing(search),
        selected.size ? selection(shown) : null,
      );
    },
    // Follow another route of this view, so that the list need not be made again.
    follow(next) {
      search = next.query.get("q") ?? "";
    },
    end: () => rows.end(),
    focusList: () => rows.focus(),
    select(name, isOn) {
      if (isOn && selected.size < MOST_SELECTED) selected.add(name);
      else selected.delete(name);
    },
    selectAll() {
      for (const { name } of shown.slice(0, MOST_SELECTED)) {
        if (may("operator", { group: name })) selected.add(name);
      }
    },
    clear: () => selected.clear(),
  };
}

function summary(number, search, unknown) {
  const all = known.groups.size.toLocaleString("en");
  const text = search ? `${number.toLocaleString("en")} of ${all}` : all;
  return [
    heading("Groups", h("p", { class: "dim", role: "status" }, `${text} shown`)),
    unknown.length ? h("p", { class: "warn" }, `Unknown filter: ${unknown.join(", ")}`) : null,
    h(
      "details",
      { class: "hints", "data-key": "hints" },
      h("summary", {}, "Filters"),
      h(
        "ul",
        {},
        HINTS.map(([filter, text_]) =>
          h(
            "li",
            {},
            h("a", { href: linkTo(["groups"], { q: filter }), class: "mono" }, filter),
            h("span", { class: "dim" }, ` ${text_}`),
          ),
        ),
      ),
    ),
  ];
}

function titles() {
  return h(
    "div",
    { role: "row", class: "row titles", "aria-rowindex": "1" },
    mayAct() ? h("span", { role: "columnheader" }, h("span", { class: "unseen" }, "Select")) : null,
    COLUMNS.map((text) => h("span", { role: "columnheader" }, text)),
  );
}

function row(group) {
  const { name, hostname, answers, ttl, active } = group;
  const canSelect = may("operator", { group: name });
  return h(
    "div",
    {
      role: "row",
      class: `row ${active}${selected.has(name) ? " selected" : ""}`,
      "data-key": name,
      "data-group": name,
      "aria-selected": canSelect ? String(selected.has(name)) : null,
    },
    mayAct()
      ? h(
          "span",
          { role: "gridcell", class: "pick" },
          canSelect
            ? h("input", {
                type: "checkbox",
                "data-pick": name,
                "aria-label": `Select ${name}`,
                checked: selected.has(name),
                tabindex: "-1",
              })
            : null,
        )
      : null,
    h(
      "span",
      { role: "gridcell", class: "name" },
      h("a", { href: linkTo(["groups", name]), tabindex: "-1" }, name),
      h("span", { class: "mono sub" }, hostname),
    ),
    sideCell(group, "primary"),
    sideCell(group, "backup"),
    h(
      "span",
      { role: "gridcell", class: "answers" },
      targets(answers, 1),
      h("span", { class: "sub" }, `TTL ${ttl} s`),
    ),
    h("span", { role: "gridcell", class: "notes" }, notes(group)),
  );
}

function sideCell(group, name) {
  const attached = group[name];
  const isActive = group.active === name;
  const isDown = group.automation.health[name] === "down";
  return h(
    "span",
    {
      role: "gridcell",
      class: `cell ${name}${isActive ? " active" : ""}${isDown ? " down" : ""}`,
    },
    attached
      ? [
          h(
            "span",
            { class: "app" },
            health(group.automation.health[name], { short: true }),
            h("span", { class: "text" }, attached.application),
            isActive ? h("span", { class: "pill" }, "active") : null,
          ),
          h("span", { class: "sub" }, targets(attached.targets, 1)),
        ]
      : h("span", { class: "nothing" }, "no application"),
  );
}

// Return marks for what is unusual about a group.
export function notes(group) {
  const { automation } = group;
  const facts = factsOf(group);
  const left = draining(group, now());
  const found = [];
  if (facts.isDark) found.push(chip("dark", "critical", "answers nothing"));
  if (facts.isBothDown) found.push(chip("down", "critical", "both down"));
  if (facts.isHeld) found.push(chip("hand", "warning", `refused: ${automation.held.rules[0]}`));
  else if (facts.isStuck) found.push(chip("warning", "warning", "policy cannot act"));
  if (facts.isMaintained) found.push(chip("wrench", "info", "maintenance"));
  if (facts.isPlanned) found.push(chip("clock", "info", `${automation.plan.to} `, age(automation.plan.at, "left")));
  if (left) found.push(chip("clock", "info", `drains ${duration(left)}`));
  if (facts.isUnrecorded) found.push(chip("warning", "warning", "not recorded"));
  return found;
}

function keys(event, rows) {
  const name = event.target.closest("[data-group]")?.dataset.group;
  if (name === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "Enter" && event.target.role === "row") {
    location.hash = linkTo(["groups", name]);
  } else if (event.key === " " && event.target.role === "row") {
    event.preventDefault();
    event.target.querySelector("[data-pick]")?.click();
    rows.draw();
  } else if (event.key === "s" || event.key === "S") {
    const names = selected.size ? [...selected] : [name];
    if (names.every((each) => may("operator", { group: each }))) {
      event.preventDefault();
      openSwitch(names);
    }
  }
}

function nothing(search) {
  if (search) return empty("No group matches. ", h("a", { href: "#/groups" }, "Show all"));
  return empty(
    "No groups yet. Create one with ",
    h("code", {}, "failoverdns group add NAME --primary APP --backup APP"),
    ".",
  );
}

function selection(shown) {
  const names = [...selected];
  const groups = JSON.stringify(names);
  return h(
    "div",
    { class: "selection", role: "region", "aria-label": "Selected groups" },
    h("strong", {}, `${names.length} selected`),
    button("Switch…", "switch", { groups }, "strong"),
    button("Plan a switch…", "plan", { groups }),
    shown.length > names.length ? button("Select all shown", "select-all") : null,
    button("Clear", "clear"),
  );
}
