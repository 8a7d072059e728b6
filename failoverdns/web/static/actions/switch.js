// Switch one or several groups, now or at a time, in one step: all of them or none.

import { age, exact } from "../page/clock.js";
import { h } from "../page/dom.js";
import { side, targets } from "../page/parts.js";
import { change, Problem, read } from "../server/api.js";
import { known } from "../state/known.js";
import { count, openAction } from "./dialog.js";

const REHEARSED = 8; // groups whose changes are shown although a rule refuses the switch
const LISTED = 50;

// Open the dialog that switches `names`; `isPlanned` asks for a time.
export function openSwitch(names, isPlanned = false) {
  const groups = names.map((name) => known.groups.get(name)).filter(Boolean);
  if (!groups.length) return;
  const one = groups.length === 1 ? groups[0] : null;
  const sides = new Set(groups.map(({ active }) => active));
  const other = { primary: "backup", backup: "primary" };
  const to = sides.size === 1 ? other[[...sides][0]] : "";
  const what = one ? one.name : count(groups.length, "group");
  const texts = new Map(); // what rules said that are overridden meanwhile
  openAction({
    name: `${isPlanned ? "plan" : "switch"} ${names.join(" ")}`,
    title: isPlanned ? `Plan a switch of ${what}` : `Switch ${what}`,
    values: isPlanned ? { to, at: nextHour(), preTTL: "" } : { to },
    fields: (values) => [sideField(values, one), isPlanned ? timeFields(values) : null],
    preview: (values) => dryRun(names, values, isPlanned, texts),
    verb: (values) => {
      const where = values.to ? ` to the ${values.to}` : "";
      return isPlanned ? `Plan the switch${where}` : `Switch ${what}${where}`;
    },
    request: (values, preview) => [
      "switch",
      {
        groups: names,
        ...(values.to ? { to: values.to } : {}),
        ...(values.override.length ? { override: values.override } : {}),
        ...(isPlanned ? plannedFields(values) : { if_revision: preview.revision }),
      },
    ],
    done: (result) => (isPlanned ? planned(result) : switched(result)),
  });
}

function nextHour() {
  const date = new Date(Date.now() + 3600000);
  date.setMinutes(0, 0, 0);
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60000);
  return local.toISOString().slice(0, 16);
}

function plannedFields({ at, preTTL }) {
  return {
    at: new Date(at).toISOString(),
    ...(preTTL === "" ? {} : { pre_ttl: Number(preTTL) }),
  };
}

function sideField(values, one) {
  const choice = (value, ...text) =>
    h(
      "label",
      { class: "choice" },
      h("input", { type: "radio", name: "to", value, checked: values.to === value }),
      h("span", {}, text),
    );
  const about = (name) => {
    if (!one) return null;
    const here = one.active === name ? " (active now)" : "";
    return h("span", { class: "dim" }, ` ${one[name]?.application ?? "no application"}${here}`);
  };
  return h(
    "div",
    { class: "field", role: "radiogroup", "aria-label": "To which side" },
    h("span", {}, "To"),
    choice("primary", side("primary"), about("primary")),
    choice("backup", side("backup"), about("backup")),
    one ? null : choice("", "each to its other side"),
  );
}

function timeFields(values) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return [
    h(
      "label",
      { class: "field" },
      h("span", {}, "At", h("span", { class: "dim" }, ` (your time, ${zone})`)),
      h("input", { type: "datetime-local", name: "at", value: values.at, required: true }),
    ),
    h(
      "label",
      { class: "field" },
      h(
        "span",
        {},
        "TTL before it, in seconds",
        h("span", { class: "dim" }, " (empty: as the policy says)"),
      ),
      h("input", { type: "number", name: "preTTL", min: "0", value: values.preTTL }),
    ),
  ];
}

async function dryRun(groups, values, isPlanned, texts) {
  if (isPlanned && Number.isNaN(new Date(values.at).getTime())) {
    return { blocked: "Give the time of the switch." };
  }
  const fields = { groups, dry_run: true };
  if (values.to) fields.to = values.to;
  if (values.override.length) fields.override = values.override;
  try {
    const { result, revision } = await change("switch", fields);
    const changing = result.groups.filter(({ changed }) => changed);
    return {
      revision,
      nodes: [
        h("p", {}, wouldSwitch(changing.length, result.groups.length, isPlanned, values)),
        h(
          "ul",
          { class: "switches" },
          result.groups.slice(0, LISTED).map((group) => wouldBe(group, isPlanned)),
        ),
        more(result.groups.length),
        warnings(result.warnings),
        groups.length === 1 ? await everything(groups[0], values) : null,
      ],
      blocked: changing.length ? null : "It is active there already: there is nothing to switch.",
      rules: result.groups.flatMap((group) =>
        group.overridden.map((rule) => ({
          rule,
          message: texts.get(`${rule} ${group.name}`) ?? `it would refuse ${group.name}`,
        })),
      ),
    };
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== "refused") throw error;
    for (const { rule, group, message } of error.rules) texts.set(`${rule} ${group}`, message);
    const shown = await Promise.all(
      groups.slice(0, REHEARSED).map((name) => rehearse(name, values)),
    );
    return {
      revision: known.revision,
      rules: error.rules,
      nodes: [
        h("p", {}, "With these rules overridden, this would change:"),
        h("ul", { class: "switches" }, shown.map((each) => rehearsed(each, isPlanned))),
        groups.length > REHEARSED ? h("p", { class: "dim" }, `and ${groups.length - REHEARSED} more`) : null,
      ],
    };
  }
}

function wouldSwitch(changing, all, isPlanned, { at }) {
  const left = all - changing;
  const there = left ? `; ${count(left, "group")} would stay, being there already` : "";
  const what = `${count(changing, "group")} would be switched${there}`;
  if (!isPlanned) return `${what}.`;
  return `${what}, at ${exact(new Date(at).toISOString())}. All rules are asked again then.`;
}

function wouldBe(group, isPlanned) {
  if (!group.changed) {
    return h("li", { "data-key": group.name }, h("strong", {}, group.name), " is there already");
  }
  return h(
    "li",
    { "data-key": group.name },
    h("p", {}, h("strong", {}, group.name), ": ", side(group.from), " → ", side(group.to)),
    h(
      "p",
      { class: "detail" },
      h("span", { class: "mono" }, group.hostname),
      " answers ",
      targets(group.targets),
    ),
    isPlanned ? null : drained(group),
    certificate(group.certificate),
  );
}

function drained({ drained_at: until, from }) {
  if (!until) return null;
  return h(
    "p",
    { class: "detail" },
    "The last client that honours the TTL leaves the ",
    side(from),
    " side ",
    age(until, "left"),
    ".",
  );
}

// Return what happens to a certificate.
function certificate(found) {
  if (!found || found.outcome === "none") return null;
  const names = found.names?.length ? ` for ${found.names.slice(0, 3).join(", ")}` : "";
  return h(
    "p",
    { class: "detail" },
    `Certificate${names}: ${found.outcome.replaceAll("-", " ")}.`,
    found.warning ? h("span", { class: "warn" }, ` ${found.warning}`) : null,
  );
}

async function rehearse(group, { to, override }) {
  const fields = { group };
  if (to) fields.to = to;
  if (override.length) fields.override = override;
  return (await read("rehearse", fields)).result;
}

function rehearsed(result, isPlanned) {
  const group = known.groups.get(result.group);
  const before = {
    name: result.group,
    hostname: group?.hostname ?? "",
    from: result.to === "primary" ? "backup" : "primary",
    to: result.to,
    changed: result.changed.length > 0,
    targets: result.answers?.[1] ?? [],
    drained_at: result.drained_at,
    certificate: result.certificate,
  };
  return wouldBe(before, isPlanned);
}

// Return every record and event of a switch, folded.
async function everything(name, values) {
  const result = await rehearse(name, values);
  if (!result.changed.length) return null;
  return h(
    "details",
    {},
    h("summary", {}, `${count(result.names ?? 0, "name")} would change, ${events(result)}`),
    h("pre", { tabindex: "0", "aria-label": "Records" }, result.records.join("\n")),
    h("p", { class: "detail" }, `Events: ${result.events.join(", ") || "none"}.`),
  );
}

function events(result) {
  return `in ${result.zones.join(", ")}; ${count(result.events.length, "event")}`;
}

function more(number) {
  return number > LISTED ? h("p", { class: "dim" }, `and ${number - LISTED} more`) : null;
}

function warnings(list = []) {
  return list.length ? h("ul", { class: "warn" }, list.map((text) => h("li", {}, text))) : null;
}

function switched(result) {
  const done = result.groups.filter(({ changed }) => changed);
  return [
    h("strong", {}, `Done: ${count(done.length, "group")} switched.`),
    h(
      "ul",
      { class: "switches" },
      result.groups.slice(0, LISTED).map((group) =>
        h(
          "li",
          {},
          h("p", {}, h("strong", {}, group.name), " is on the ", side(group.to), " and answers ",
            targets(group.targets)),
          group.changed ? drained(group) : null,
        ),
      ),
    ),
    more(result.groups.length),
    warnings(result.warnings),
  ];
}

function planned(result) {
  return [
    h("strong", {}, `Planned: ${count(result.planned.length, "switch", "switches")}.`),
    h(
      "ul",
      { class: "switches" },
      result.planned.map((plan) =>
        h(
          "li",
          {},
          h("p", {}, h("strong", {}, plan.group), " to the ", side(plan.to), " at ",
            h("time", { datetime: plan.at }, exact(plan.at)), ", ", age(plan.at, "left")),
          plan.lower_at
            ? h("p", { class: "detail" }, `The TTL is ${plan.pre_ttl} s from ${exact(plan.lower_at)} on.`)
            : null,
          warnings(plan.warnings),
        ),
      ),
    ),
  ];
}
