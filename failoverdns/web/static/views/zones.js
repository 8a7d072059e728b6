// Zones with their serial numbers, and secondaries: who is in step, who is behind and why.

import { h, render } from "../page/dom.js";
import { icon } from "../page/icons.js";
import { empty, facts, heading, section, since, table } from "../page/parts.js";
import { linkTo } from "../page/router.js";
import { known, refreshZones } from "../state/known.js";

const EVERY = 5000;

export function zonesView(root) {
  const refresh = () => refreshZones().catch(() => {});
  const timer = setInterval(() => document.hidden || refresh(), EVERY);
  return {
    start: refresh,
    end: () => clearInterval(timer),
    draw() {
      render(
        root,
        heading("Zones and secondaries"),
        known.zones.map((zone) => section(zone.name, about(zone), standing(zone))),
        section("Secondaries", known.secondaries.length ? secondaries() : empty("None are configured.")),
      );
    },
  };
}

function about(zone) {
  const { soa } = zone;
  return facts(
    ["Serial", h("span", { class: "mono" }, String(zone.serial))],
    ["Groups", h("a", { href: linkTo(["groups"], { q: `zone:${zone.name}` }) }, groupsOf(zone.name))],
    ["Name servers", h("span", { class: "mono" }, zone.nameservers.join(", "))],
    ["TTL", `${zone.ttl} s, negative ${zone.negative_ttl} s`],
    ["SOA", `refresh ${soa.refresh} s, retry ${soa.retry} s, expire ${soa.expire} s`],
    zone.stored_records ? ["Stored records", String(zone.stored_records)] : null,
    zone.alias
      ? [
          "Alias",
          h("span", { class: "mono" }, zone.alias.hostname),
          zone.alias.group ? ` (group ${zone.alias.group})` : null,
          zone.alias.problem ? h("span", { class: "warn" }, ` ${zone.alias.problem}`) : null,
        ]
      : null,
  );
}

function groupsOf(zone) {
  let number = 0;
  for (const group of known.groups.values()) if (group.zone === zone) number += 1;
  return number.toLocaleString("en");
}

function standing(zone) {
  if (!zone.secondaries.length) return null;
  return table(
    `Secondaries of ${zone.name}`,
    ["Secondary", "State", "Serial", "Since", "Why"],
    zone.secondaries.map((each) => [
      each.secondary,
      stateOf(each.in_step),
      h("span", { class: "mono" }, each.serial === null ? "unknown" : String(each.serial)),
      since(each.since),
      each.problem ?? "",
    ]),
  );
}

// Return a mark for whether a secondary is in step; null if that is not known yet.
function stateOf(inStep) {
  const [name, text] =
    inStep === null ? ["unknown", "unknown"] : inStep ? ["up", "in step"] : ["down", "behind"];
  return h("span", { class: `health ${name}` }, icon(name), h("span", {}, text));
}

function secondaries() {
  return table(
    "Secondaries",
    ["Secondary", "Address", "Key", "Zones"],
    known.secondaries.map((each) => [
      each.name,
      h("span", { class: "mono" }, each.address),
      h("span", { class: "mono" }, each.key),
      each.zones.map((zone) => h("p", {}, stateOf(zone.in_step), ` ${zone.zone}`)),
    ]),
  );
}
