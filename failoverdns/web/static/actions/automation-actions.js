// Freeze and thaw automation, and turn flags on and off.
//
// The server has no dry run of its own for these: what would change follows from what is known of
// the groups and from `flag list`.

import { h } from "../page/dom.js";
import { read } from "../server/api.js";
import { known } from "../state/known.js";
import { listed } from "../state/words.js";
import { count, openAction } from "./dialog.js";

function automatic() {
  return [...known.groups.values()].filter(
    ({ automation }) => automation.mode === "automatic" && automation.maintenance === null,
  );
}

function failing(groups) {
  return groups.filter(({ active, automation }) => automation.health[active] === "down");
}

// Open the dialog that freezes automation, or thaws it.
export function openFreeze() {
  const freeze = (known.server?.automation?.frozen ?? null) === null;
  openAction({
    name: "automation",
    title: freeze ? "Freeze automation" : "Thaw automation",
    preview: async () => ({ nodes: wouldFreeze(freeze) }),
    verb: () => (freeze ? "Freeze automation" : "Thaw automation"),
    request: () => [freeze ? "automation freeze" : "automation thaw", {}],
    done: () => [
      h("strong", {}, freeze ? "Automation is frozen." : "Automation is on again."),
      h("p", {}, freeze ? "No group switches by itself until it is thawed." : "Policies decide."),
    ],
    isDanger: freeze,
  });
}

function wouldFreeze(freeze) {
  const groups = automatic();
  const down = failing(groups);
  const what = freeze
    ? `${count(groups.length, "group")} would not switch automatically any more.`
    : `${count(groups.length, "group")} would switch automatically again, as their policies say.`;
  const now = freeze ? "would stay there" : "may be switched soon after";
  return [
    h("p", {}, what),
    down.length
      ? h(
          "p",
          { class: "warn" },
          `${count(down.length, "of them has", "of them have")} an active side that is down, and ` +
            `${now}: ${listed(down.map(({ name }) => name), 6)}.`,
        )
      : h("p", {}, "None of them has an active side that is down now."),
    h("p", {}, "What is answered does not change. Switches by hand stay possible."),
  ];
}

// Open the dialog that turns a flag on or off.
export function openFlag(name) {
  const flag = known.flags.find((each) => each.name === name);
  const on = !flag?.on;
  openAction({
    name: `flag ${name}`,
    title: `Turn ${name} ${on ? "on" : "off"}`,
    preview: async () => {
      const { result } = await read("flag list");
      const found = result.flags.find((each) => each.name === name);
      if (found?.on === on) return { blocked: `It is ${on ? "on" : "off"} already.` };
      return { nodes: wouldTurn(found?.gates ?? [], on) };
    },
    verb: () => `Turn ${name} ${on ? "on" : "off"}`,
    request: () => [on ? "flag on" : "flag off", { name }],
    done: () => h("strong", {}, `${name} is ${on ? "on" : "off"}.`),
  });
}

function wouldTurn(gates, on) {
  if (!gates.length) return [h("p", {}, "No safety rule asks for this flag: nothing changes.")];
  const held = [...known.groups.values()].filter(({ automation }) =>
    automation.held?.rules.some((rule) => gates.includes(rule)),
  );
  return [
    h(
      "p",
      {},
      on
        ? `These safety rules would allow automatic switches: ${gates.join(", ")}.`
        : `These safety rules would refuse automatic switches: ${gates.join(", ")}.`,
    ),
    on && held.length
      ? h(
          "p",
          { class: "warn" },
          `They hold back now, and would not any more: ${listed(held.map(({ name }) => name), 6)}.`,
        )
      : null,
    h("p", {}, "What is answered does not change at once."),
  ];
}
