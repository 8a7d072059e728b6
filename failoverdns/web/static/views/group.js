// One group: both sides, what is answered and why in words, what prevents a switch, its history.

import { age, exact, now } from "../page/clock.js";
import { h, render } from "../page/dom.js";
import { icon } from "../page/icons.js";
import { button, empty, facts, health, heading, section, side, since, targets } from "../page/parts.js";
import { linkTo } from "../page/router.js";
import { read } from "../server/api.js";
import { draining } from "../state/facts.js";
import { changed, known } from "../state/known.js";
import { may } from "../state/rights.js";
import { change } from "./history.js";
import { notes } from "./groups.js";

const EVERY = 10000; // milliseconds between questions about what probes see

export function groupView(root, { path: [, name] }) {
  const state = { explained: null, history: null, revision: -1, fault: null };
  const refresh = async () => {
    try {
      const [explained, entries] = await Promise.all([
        read("explain", { group: name }),
        read("history", { group: name, limit: 10 }),
      ]);
      state.explained = explained.result;
      state.history = entries.result.history;
      state.fault = null;
    } catch (error) {
      state.fault = error.message;
    }
    changed();
  };
  const timer = setInterval(() => document.hidden || refresh(), EVERY);
  return {
    start: refresh,
    end: () => clearInterval(timer),
    draw() {
      const group = known.groups.get(name);
      if (group === undefined) {
        render(root, heading(name), empty("There is no such group. ", h("a", { href: "#/groups" }, "All groups")));
        return;
      }
      if (group.revision !== state.revision && state.revision >= 0) refresh();
      state.revision = group.revision;
      render(
        root,
        heading(name, h("div", { class: "notes" }, notes(group))),
        actions(group),
        h("div", { class: "sides", "data-key": "sides" }, sideCard(group, "primary"), sideCard(group, "backup")),
        h(
          "div",
          { class: "columns", "data-key": "columns" },
          h(
            "div",
            {},
            section("What it answers", answers(group)),
            section("Why", why(state)),
            probes(state.explained),
          ),
          h(
            "div",
            {},
            section("Automation", automation(group)),
            section(
              "History",
              state.history === null
                ? empty("Loading …")
                : h("ol", { class: "changes" }, state.history.map((entry) => change(entry))),
              h("p", {}, h("a", { href: linkTo(["history"], { group: name }) }, "The whole history of the group")),
            ),
          ),
        ),
      );
    },
  };
}

function actions(group) {
  const { name, automation: { maintenance, plan } } = group;
  if (!may("operator", { group: name })) return null;
  const groups = JSON.stringify([name]);
  return h(
    "div",
    { class: "actions", "data-key": "actions" },
    button("Switch…", "switch", { groups }, "strong"),
    plan
      ? button("Cancel the plan…", "cancel", { group: name })
      : button("Plan a switch…", "plan", { groups }),
    button(maintenance ? "End maintenance…" : "Maintenance…", "maintenance", { group: name }),
  );
}

function sideCard(group, name) {
  const attached = group[name];
  const isActive = group.active === name;
  const application = known.applications.get(attached?.application);
  return h(
    "section",
    { class: `side-card ${name}${isActive ? " active" : ""}`, "aria-label": `The ${name} side` },
    h("h2", {}, side(name), isActive ? h("span", { class: "pill" }, "active") : null),
    attached
      ? [
          h(
            "p",
            { class: "application" },
            h("a", { href: linkTo(["applications", attached.application]) }, attached.application),
            health(group.automation.health[name]),
            since(application?.health.since),
          ),
          h("p", {}, targets(attached.targets, 20)),
          attached.resolved ? resolved(attached.resolved) : null,
          application?.certificate
            ? h("p", { class: "dim" }, "Certificate ends ", age(application.certificate.not_after, "left"))
            : null,
        ]
      : empty("No application."),
  );
}

function resolved({ hostname, checked_at: checked, problem }) {
  return h(
    "p",
    { class: problem ? "warn" : "dim" },
    `resolved from ${hostname}`,
    checked ? [", checked ", age(checked)] : null,
    problem ? `: ${problem}` : null,
  );
}

function answers(group) {
  const left = draining(group, now());
  const zone = known.zones.find(({ name }) => name === group.zone);
  return [
    facts(
      ["Hostname", h("span", { class: "mono" }, group.hostname)],
      ["Answers", targets(group.answers, 100)],
      ["TTL", `${group.ttl} s`],
      [
        "Old side",
        group.drained_at === null
          ? "never switched"
          : left
            ? ["drained ", age(group.drained_at, "left")]
            : ["drained ", age(group.drained_at)],
      ],
      ["Zone", h("a", { href: "#/zones" }, group.zone), zone ? ` serial ${zone.serial}` : null],
      group.flatten ? ["Flattened", "hostnames are answered with addresses"] : null,
      ["Revision", String(group.revision)],
    ),
  ];
}

function why({ explained, fault }) {
  if (explained === null) return empty(fault ?? "Loading …");
  return [
    fault ? h("p", { class: "warn" }, `This may be old: ${fault}`) : null,
    h("ul", { class: "sentences" }, explained.sentences.map((text) => h("li", {}, text))),
    Date.parse(explained.switches_at ?? "") > now() ? h("p", { class: "warn" }, "It may switch by itself ", age(explained.switches_at, "left")) : null,
  ];
}

// Return what probes of both sides saw last.
function probes(explained) {
  const found = Object.entries(explained?.probes ?? {}).filter(([, list]) => list.length);
  if (!found.length) return null;
  return section("Probes", found.map(([name, list]) => [h("h3", {}, side(name)), probeList(list)]));
}

// Return a list of what probes saw last.
export function probeList(list) {
  return h(
    "ul",
    { class: "probes" },
    list.map((probe) =>
      h(
        "li",
        { "data-key": `${probe.head} ${probe.check} ${probe.address}` },
        health(probe.health, { short: true }),
        h(
          "div",
          {},
          h("strong", {}, probe.head),
          ` ${probe.check}`,
          probe.address ? h("span", { class: "mono" }, ` ${probe.address}`) : null,
          h(
            "p",
            { class: "dim" },
            probe.cause ? `${probe.cause}: ` : null,
            probe.detail || probe.result || "no result yet",
            probe.at ? [", ", age(probe.at)] : null,
            probe.in_a_row > 1 ? `, ${probe.in_a_row} in a row` : null,
            probe.milliseconds ? `, ${probe.milliseconds} ms` : null,
            probe.fast ? ", probed fast" : null,
          ),
          probe.advice ? h("p", { class: "warn" }, probe.advice) : null,
        ),
      ),
    ),
  );
}

function automation({ automation: found }) {
  const { policy, mode, maintenance, held, plan, warnings, guarded_until: guarded } = found;
  const frozen = known.server?.automation?.frozen ?? null;
  return [
    facts(
      ["Policy", policy ? `${policy} (${mode})` : "none: it switches only on command"],
      frozen !== null ? ["Frozen", h("span", { class: "warn" }, frozen || "no reason given")] : null,
      maintenance
        ? ["Maintenance", maintenance.reason ?? "no reason given", " ", since(maintenance.since)]
        : null,
      held
        ? ["Refused", `a switch to the ${held.to}, by ${held.rules.join(", ")} `, since(held.since)]
        : null,
      plan
        ? [
            "Plan",
            "to the ",
            side(plan.to),
            ` at ${exact(plan.at)}, `,
            age(plan.at, "left"),
            plan.ttl_lowered_at ? `; the TTL is ${plan.pre_ttl} s now` : null,
            plan.reason ? h("p", { class: "reason" }, "“", plan.reason, "”") : null,
          ]
        : null,
      guarded && Date.parse(guarded) > now() ? ["Flap guard", "used up, room ", age(guarded, "left")] : null,
    ),
    warnings.map((text) => h("p", { class: "warning-line" }, icon("warning"), h("span", {}, text))),
  ];
}
