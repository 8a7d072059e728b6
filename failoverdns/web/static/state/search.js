// The language of the search: words that must be there, and filters like `active:backup`.
//
// Words are found in names, hostnames, applications and addresses; `-` in front of a word or
// filter turns it around; `*` in the value of a filter matches any characters.

import { factsOf } from "./facts.js";

const IS = {
  problem: (group, facts) =>
    facts.isDown || facts.isDark || facts.isHeld || facts.isStuck || facts.isOtherDown,
  down: (group, facts) => facts.isDown,
  dark: (group, facts) => facts.isDark,
  held: (group, facts) => facts.isHeld,
  stuck: (group, facts) => facts.isStuck,
  planned: (group, facts) => facts.isPlanned,
  maintenance: (group, facts) => facts.isMaintained,
  backup: (group) => group.active === "backup",
  primary: (group) => group.active === "primary",
};

const FILTERS = {
  active: (value) => (group) => group.active.startsWith(value),
  health: (value) => {
    const match = exactly(value);
    return ({ automation: { health } }) => match(health.primary) || match(health.backup);
  },
  zone: (value) => {
    const match = pattern(value);
    return (group) => match(group.zone);
  },
  app: (value) => {
    const match = pattern(value);
    return (group) => factsOf(group).applications.some(match);
  },
  policy: (value) => {
    const match = value === "none" ? (text) => text === "" : pattern(value);
    return (group) => match(group.automation.policy ?? "");
  },
  name: (value) => {
    const match = pattern(value);
    return (group) => match(group.name.toLowerCase());
  },
  ttl: (value) => (group) => String(group.ttl) === value,
  is: (value) => {
    const test = IS[value];
    return test ? (group) => test(group, factsOf(group)) : null;
  },
};

export const HINTS = [
  ["active:backup", "groups that are on their backup"],
  ["health:down", "groups with a side that is down"],
  ["is:problem", "groups that need attention"],
  ["is:held", "automatic switches that a rule refuses"],
  ["is:planned", "groups with a planned switch"],
  ["is:maintenance", "groups in maintenance"],
  ["zone:example.net", "groups of a zone"],
  ["app:shop-*", "groups that follow an application"],
  ["policy:none", "groups of a policy, or without one"],
  ["-active:backup", "the opposite of a filter or word"],
];

function exactly(value) {
  return (text) => text === value;
}

function pattern(value) {
  if (!value.includes("*")) return (text) => text.toLowerCase().includes(value);
  const parts = value.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  const whole = new RegExp(`^${parts.join(".*")}$`, "i");
  return (text) => whole.test(text);
}

// Return `matches`, a function of a group, and `unknown`, the filters that do not exist.
export function parseSearch(text) {
  const tests = [];
  const unknown = [];
  for (const raw of text.toLowerCase().split(/\s+/).filter(Boolean)) {
    const isNot = raw.startsWith("-") && raw.length > 1;
    const word = isNot ? raw.slice(1) : raw;
    const colon = word.indexOf(":");
    const name = colon > 0 ? word.slice(0, colon) : "";
    const value = word.slice(colon + 1);
    if (Object.hasOwn(FILTERS, name)) {
      if (value === "") continue; // still being typed
      const test = FILTERS[name](value);
      if (test === null) unknown.push(word);
      else tests.push(isNot ? (group) => !test(group) : test);
    } else {
      const found = (group) => factsOf(group).text.includes(word);
      tests.push(isNot ? (group) => !found(group) : found);
    }
  }
  return { matches: (group) => tests.every((test) => test(group)), unknown };
}

// Return the groups that match a search, in the order of their names.
export function searched(groups, text) {
  const { matches, unknown } = parseSearch(text);
  const found = [];
  for (const group of groups) if (matches(group)) found.push(group);
  return { found, unknown };
}

const collator = new Intl.Collator("en", { numeric: true });
let last = { version: null, sorted: [] };

// Return the groups in the order of their names; they are sorted once for what is known.
export function inOrder({ groups, version }) {
  if (last.version !== version) {
    const sorted = [...groups.values()].sort((a, b) => collator.compare(a.name, b.name));
    last = { version, sorted };
  }
  return last.sorted;
}
