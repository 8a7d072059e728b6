// What needs attention, worst first: a list of kinds, each with those that it is about.
//
// A kind has `level` (`critical`, `warning` or `info`), a `title`, and `items` with `name`, `link`
// and `why`; `search` finds all of its groups.

import { factsOf } from "./facts.js";

const DAY = 86400000;
export const SOON = 14 * DAY; // certificates that end within this time
const VERY_SOON = 3 * DAY;

let last = { version: null, minute: null, kinds: [] };

// Return what needs attention at `time` (milliseconds); it is found out once for what is known.
export function attention(known, time) {
  const minute = Math.floor(time / 60000);
  if (last.version !== known.version || last.minute !== minute) {
    last = { version: known.version, minute, kinds: findKinds(known, time) };
  }
  return last.kinds;
}

function findKinds(known, time) {
  const kinds = [
    ...serverKinds(known),
    ...groupKinds([...known.groups.values()]),
    ...certificateKinds([...known.applications.values()], time),
    ...secondaryKinds(known.secondaries),
    ...forcedKinds([...known.applications.values()]),
    ...hookKinds(known.hooks),
  ];
  const order = ["critical", "warning", "info"];
  return kinds
    .filter(({ items }) => items.length > 0)
    .sort((a, b) => order.indexOf(a.level) - order.indexOf(b.level));
}

function kind(level, title, items, search = null) {
  return { level, title, items, search };
}

function groupItem(group, why, since = null) {
  return { name: group.name, link: `#/groups/${encodeURIComponent(group.name)}`, why, since, group };
}

function groupKinds(groups) {
  const having = (test) => groups.filter((group) => test(factsOf(group), group));
  return [
    kind(
      "critical",
      "Answer nothing",
      having((facts) => facts.isDark).map((group) => groupItem(group, "DNS clients get no address")),
      "is:dark",
    ),
    kind(
      "critical",
      "Down on both sides",
      having((facts) => facts.isBothDown && !facts.isDark).map((group) =>
        groupItem(group, `${group.primary?.application} and ${group.backup?.application} are down`),
      ),
      "is:down",
    ),
    kind(
      "critical",
      "The active side is down",
      having((facts) => facts.isDown && !facts.isBothDown && !facts.isDark).map((group) =>
        groupItem(group, activeDown(group), group.automation.held?.since),
      ),
      "is:down",
    ),
    kind(
      "warning",
      "The other side is down: no way out",
      having((facts) => facts.isOtherDown && !facts.isDown).map((group) =>
        groupItem(group, `${group[factsOf(group).other]?.application} is down`),
      ),
      "health:down -is:down",
    ),
    kind(
      "warning",
      "Automatic switches that a rule refuses",
      having((facts) => facts.isHeld && !facts.isDown).map((group) =>
        groupItem(group, heldBy(group), group.automation.held.since),
      ),
      "is:held",
    ),
    kind(
      "warning",
      "A policy that can never act",
      having((facts) => facts.isStuck && !facts.isDown).map((group) =>
        groupItem(group, group.automation.warnings[0]),
      ),
      "is:stuck",
    ),
    kind(
      "warning",
      "Hostnames that are not resolved",
      having((facts) => facts.resolving.length > 0).map((group) =>
        groupItem(group, factsOf(group).resolving[0].problem),
      ),
    ),
    kind(
      "info",
      "In maintenance",
      having((facts) => facts.isMaintained).map((group) =>
        groupItem(
          group,
          group.automation.maintenance.reason ?? "no reason given",
          group.automation.maintenance.since,
        ),
      ),
      "is:maintenance",
    ),
  ];
}

function activeDown(group) {
  const { held, mode, maintenance } = group.automation;
  const down = `${group[group.active]?.application} is down`;
  if (held) return `${down}; ${heldBy(group)}`;
  if (maintenance) return `${down}; automation leaves it alone (maintenance)`;
  if (mode === "manual") return `${down}; it switches only on command`;
  return down;
}

function heldBy(group) {
  const { held } = group.automation;
  return `a switch to the ${held.to} is refused by ${held.rules.join(", ")}`;
}

function certificateKinds(applications, time) {
  const ending = applications
    .filter(({ certificate }) => certificate && Date.parse(certificate.not_after) - time < SOON)
    .sort((a, b) => Date.parse(a.certificate.not_after) - Date.parse(b.certificate.not_after));
  const item = ({ name, certificate }) => ({
    name,
    link: `#/applications/${encodeURIComponent(name)}`,
    why: certificate.names.slice(0, 3).join(", "),
    until: certificate.not_after,
  });
  const left = ({ certificate }) => Date.parse(certificate.not_after) - time;
  return [
    kind(
      "critical",
      "Certificates that expired or end within 3 days",
      ending.filter((a) => left(a) < VERY_SOON).map(item),
    ),
    kind(
      "warning",
      "Certificates that end within 14 days",
      ending.filter((a) => left(a) >= VERY_SOON).map(item),
    ),
  ];
}

function secondaryKinds(secondaries) {
  const items = [];
  for (const secondary of secondaries) {
    const behind = secondary.zones.filter((zone) => zone.in_step === false);
    if (!behind.length) continue;
    items.push({
      name: secondary.name,
      link: "#/zones",
      why: `${behind.map(({ zone }) => zone).join(", ")}: ${behind[0].problem ?? "behind"}`,
      since: behind[0].since,
    });
  }
  return [kind("warning", "Secondaries that are behind", items)];
}

function forcedKinds(applications) {
  const items = [];
  for (const application of applications) {
    const forced = [
      ["", application.health.forced],
      ...application.heads.map((head) => [`/${head.name}`, head.health.forced]),
    ];
    for (const [head, force] of forced) {
      if (!force) continue;
      items.push({
        name: `${application.name}${head}`,
        link: `#/applications/${encodeURIComponent(application.name)}`,
        why: `forced ${force.health}${force.reason ? `: ${force.reason}` : ""}`,
        since: force.since,
      });
    }
  }
  return [kind("info", "Forced health", items)];
}

function serverKinds({ server, store }) {
  const items = [];
  const add = (name, why, since = null) => items.push({ name, link: "#/server", why, since });
  if (store && !store.writable) add("State", `it cannot be written: ${store.fault}`, store.since);
  if (server?.behind) add("Answers", "the state has changes that are not served yet");
  for (const worker of server?.workers ?? []) {
    if (!worker.answering) add(`Worker ${worker.pid}`, "it does not answer yet");
    else if (worker.confinement?.fault) add(`Worker ${worker.pid}`, worker.confinement.fault);
  }
  if (server?.transfers && !server.transfers.serving) add("Zone transfers", "they are not served");
  const frozen = server?.automation?.frozen;
  return [
    kind("critical", "The server", items),
    kind(
      "warning",
      "Automation is frozen",
      frozen !== null && frozen !== undefined
        ? [{ name: "All groups", link: "#/automation", why: frozen || "no reason given" }]
        : [],
    ),
  ];
}

function hookKinds(hooks) {
  const items = hooks
    .filter(({ problem }) => problem)
    .map(({ name, problem, last_run }) => ({
      name,
      link: "#/server",
      why: problem,
      since: last_run,
    }));
  return [kind("warning", "Hooks that fail", items)];
}
