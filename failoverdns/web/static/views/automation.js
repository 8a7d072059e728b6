// Automation: whether it is frozen, flags and the rules that ask for them, plans, what is held.

import { age, exact } from "../page/clock.js";
import { h, render } from "../page/dom.js";
import { icon } from "../page/icons.js";
import { button, empty, facts, heading, section, side, since, table } from "../page/parts.js";
import { linkTo } from "../page/router.js";
import { known } from "../state/known.js";
import { may } from "../state/rights.js";

const SHOWN = 50;

export function automationView(root) {
  return {
    draw() {
      const groups = [...known.groups.values()];
      const having = (name) => groups.filter(({ automation }) => automation[name] !== null);
      render(
        root,
        heading("Automation"),
        section("State", state()),
        section("Planned switches", plans(having("plan"))),
        section("Refused by rules", held(having("held"))),
        section("Maintenance", maintained(having("maintenance"))),
        section("Flags", flags()),
      );
    },
  };
}

function state() {
  const found = known.server?.automation ?? {};
  const isFrozen = (found.frozen ?? null) !== null;
  const refused = Object.entries(found.refused ?? {}).map(([rule, number]) => `${rule} ${number}`);
  return [
    h(
      "p",
      { class: `verdict-line ${isFrozen ? "warning" : "good"}` },
      icon(isFrozen ? "lock" : "up"),
      h("span", {}, isFrozen ? `Frozen: ${found.frozen || "no reason given"}` : "On: policies decide"),
    ),
    facts(
      ["Watched", `${(found.groups ?? 0).toLocaleString("en")} groups`],
      ["Switches", `${found.switches ?? 0} since the start of the server`],
      ["Refused", refused.join(", ") || "none since the start of the server"],
      found.probes ? ["Probes", `${found.probes.targets} targets, ${found.probes.running} under way, ${found.probes.late} s late`] : null,
    ),
    (found.probes?.lacking ?? []).map(({ what, targets }) =>
      h("p", { class: "warn" }, `${targets} targets cannot be probed: ${what}`),
    ),
    (found.probes?.unnamed ?? []).map(({ application, check, advice }) =>
      h("p", { class: "warn" }, `${application}, ${check}: ${advice}`),
    ),
    may("operator") ? button(isFrozen ? "Thaw automation…" : "Freeze automation…", "freeze") : null,
  ];
}

const groupLink = (name) => h("a", { href: linkTo(["groups", name]) }, name);

function plans(groups) {
  if (!groups.length) return empty("None.");
  const sorted = groups
    .map(({ automation }) => automation.plan)
    .sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  return table(
    "Planned switches",
    ["Group", "To", "When", "TTL before", "Reason", "Action"],
    sorted.slice(0, SHOWN).map((plan) => [
      groupLink(plan.group),
      side(plan.to),
      [age(plan.at, "left"), h("span", { class: "sub" }, exact(plan.at))],
      `${plan.pre_ttl} s${plan.ttl_lowered_at ? ", lowered" : ""}`,
      plan.reason ?? "",
      may("operator", { group: plan.group })
        ? button("Cancel…", "cancel", { group: plan.group }, "small")
        : "none",
    ]),
  );
}

function held(groups) {
  if (!groups.length) return empty("None.");
  return table(
    "Automatic switches that rules refuse",
    ["Group", "To", "Rules", "Since"],
    groups.slice(0, SHOWN).map(({ name, automation: { held: found } }) => [
      groupLink(name),
      side(found.to),
      found.rules.join(", "),
      since(found.since),
    ]),
  );
}

function maintained(groups) {
  if (!groups.length) return empty("None.");
  return table(
    "Groups in maintenance",
    ["Group", "Reason", "Since", "Action"],
    groups.slice(0, SHOWN).map(({ name, automation: { maintenance } }) => [
      groupLink(name),
      maintenance.reason ?? "",
      since(maintenance.since),
      may("operator", { group: name })
        ? button("End…", "maintenance", { group: name }, "small")
        : "none",
    ]),
  );
}

function flags() {
  const found = known.flags.filter(({ name }) => name !== "automation");
  if (!found.length) return empty("None: flags are for safety rules of the kind `gate`.");
  return table(
    "Flags",
    ["Flag", "State", "Gates", "Since", "Reason", "Action"],
    found.map(({ name, on, gates, since: time, reason }) => [
      name,
      h("span", { class: `health ${on ? "up" : "unknown"}` }, icon(on ? "up" : "unknown"), h("span", {}, on ? "on" : "off")),
      gates.join(", ") || "none",
      since(time),
      reason ?? "",
      may("operator") ? button(on ? "Turn off…" : "Turn on…", "flag", { flag: name }, "small") : "none",
    ]),
  );
}
