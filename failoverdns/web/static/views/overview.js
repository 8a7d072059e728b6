// The overview: what needs attention first, then counts, what comes, and what happened last.

import { age, now } from "../page/clock.js";
import { h, render } from "../page/dom.js";
import { icon } from "../page/icons.js";
import { button, empty, heading, section, side } from "../page/parts.js";
import { linkTo } from "../page/router.js";
import { attention } from "../state/attention.js";
import { draining, factsOf } from "../state/facts.js";
import { known } from "../state/known.js";
import { may } from "../state/rights.js";
import { count } from "../actions/dialog.js";
import { change } from "./history.js";

const SHOWN = 6; // of each kind

export function overview(root) {
  return {
    draw() {
      const kinds = attention(known, now());
      render(
        root,
        heading("Overview", verdict(kinds)),
        tiles(),
        h(
          "div",
          { class: "columns", "data-key": "columns" },
          h("div", {}, section("Needs attention", needs(kinds))),
          h(
            "div",
            {},
            section("Coming up", coming()),
            section(
              "Latest changes",
              h("ol", { class: "changes" }, known.recent.slice(0, 8).map((each) => change(each))),
              h("p", {}, h("a", { href: "#/history" }, "The whole history")),
            ),
          ),
        ),
      );
    },
  };
}

function verdict(kinds) {
  const worst = kinds[0]?.level;
  const text = {
    critical: "Something is wrong",
    warning: "It works, with warnings",
    info: "All is well",
  };
  const name = { critical: "down", warning: "warning" }[worst] ?? "up";
  return h(
    "p",
    { class: `verdict-line ${worst ?? "good"}` },
    icon(name),
    h("span", {}, text[worst] ?? "All is well"),
  );
}

function tiles() {
  const groups = [...known.groups.values()];
  const counted = (test) => groups.filter((group) => test(factsOf(group), group)).length;
  const behind = known.secondaries.filter(({ zones }) =>
    zones.some(({ in_step: inStep }) => inStep === false),
  ).length;
  const time = now();
  const tile = (number, text, link, level = "") =>
    h(
      "li",
      {},
      h(
        "a",
        { class: `tile ${number ? level : ""}`, href: link },
        h("strong", {}, number.toLocaleString("en")),
        h("span", {}, text),
      ),
    );
  const search = (q) => linkTo(["groups"], { q });
  return h(
    "ul",
    { class: "tiles", "aria-label": "Counts", "data-key": "tiles" },
    tile(groups.length, groups.length === 1 ? "group" : "groups", "#/groups"),
    tile(counted((_, { active }) => active === "backup"), "on the backup", search("active:backup"), "backup"),
    tile(counted(({ isDown }) => isDown), "active side down", search("is:down"), "critical"),
    tile(counted(({ isHeld }) => isHeld), "switch refused", search("is:held"), "warning"),
    tile(counted((_, group) => draining(group, time) > 0), "draining", search("active:backup")),
    tile(counted(({ isPlanned }) => isPlanned), "planned", search("is:planned")),
    tile(counted(({ isMaintained }) => isMaintained), "in maintenance", search("is:maintenance")),
    known.secondaries.length
      ? tile(behind, behind === 1 ? "secondary behind" : "secondaries behind", "#/zones", "warning")
      : null,
  );
}

function needs(kinds) {
  if (!kinds.length) {
    return h("p", { class: "calm" }, icon("up"), "Nothing. Every group answers, and is up.");
  }
  return kinds.map(({ level, title, items, search }) =>
    h(
      "div",
      { class: `need ${level}`, "data-key": title },
      h(
        "h3",
        {},
        icon({ critical: "down", warning: "warning", info: "info" }[level]),
        h("span", {}, title),
        h("span", { class: "count" }, items.length.toLocaleString("en")),
      ),
      h(
        "ul",
        {},
        items.slice(0, SHOWN).map((item) => need(item)),
        items.length > SHOWN
          ? h(
              "li",
              { "data-key": "more" },
              search
                ? h("a", { href: linkTo(["groups"], { q: search }) }, `and ${items.length - SHOWN} more`)
                : `and ${items.length - SHOWN} more`,
            )
          : null,
      ),
    ),
  );
}

function need({ name, link, why, since, until, group }) {
  const isDown = group && factsOf(group).isDown && !factsOf(group).isBothDown;
  return h(
    "li",
    { "data-key": name },
    h(
      "div",
      {},
      h("a", { href: link }, name),
      h("span", { class: "why" }, " ", why),
      since ? h("span", { class: "dim" }, " ", age(since, "for")) : null,
      until ? h("span", { class: "dim" }, " ends ", age(until, "left")) : null,
    ),
    isDown && may("operator", { group: name })
      ? button("Switch…", "switch", { groups: JSON.stringify([name]) }, "small")
      : null,
  );
}

function coming() {
  const plans = [...known.groups.values()]
    .map(({ automation }) => automation.plan)
    .filter(Boolean)
    .map((plan) => ({
      at: plan.at,
      node: [
        h("a", { href: linkTo(["groups", plan.group]) }, plan.group),
        " switches to the ",
        side(plan.to),
        plan.reason ? h("span", { class: "dim" }, ` ${plan.reason}`) : null,
      ],
    }));
  const ending = [...known.applications.values()]
    .filter(({ certificate }) => certificate)
    .map(({ name, certificate }) => ({
      at: certificate.not_after,
      node: ["certificate of ", h("a", { href: linkTo(["applications", name]) }, name), " ends"],
    }));
  const next = [...plans, ...ending]
    .sort((a, b) => Date.parse(a.at) - Date.parse(b.at))
    .slice(0, 5);
  if (!next.length) return empty("No planned switch, and no certificate.");
  return [
    h(
      "ol",
      { class: "coming" },
      next.map(({ at, node }) => h("li", {}, h("span", { class: "when" }, age(at, "left")), h("span", {}, node))),
    ),
    plans.length > 1 ? h("p", { class: "dim" }, count(plans.length, "planned switch", "planned switches")) : null,
  ];
}
