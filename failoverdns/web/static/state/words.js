// Changes of the history in words: what happened, who did it, and the details.

const OF_THE_SERVER = new Set([
  "automatic", "health", "resolve", "planned switch", "stood still", "trim", "start", "reload",
  "secondary-behind", "secondary-in-step",
]);

// Return who gave a command: a name, and an address if it came over the network.
export function whoOf({ who, command }) {
  if (OF_THE_SERVER.has(command?.command)) return { name: "the server", detail: null };
  const name = who?.principal ?? `uid ${who?.uid}`;
  const [, short] = /^unix:(.*?)(?:\(\d+\))?$/.exec(name) ?? [null, name];
  return { name: short, detail: who?.address ? `from ${who.address}` : null, full: name };
}

// Return the kind of a change, for its mark: `switch`, `refused`, `health` or `other`.
export function kindOf({ changed = [], command = {} }) {
  if (switchedIn(changed).length) return "switch";
  if (command.held || command.outcome === "refused" || command.outcome === "missed") {
    return "refused";
  }
  if (changed.some(({ kind, fields }) => kind === "application" && fields?.health)) return "health";
  return "other";
}

// Return the parts of a change in which a group was switched.
export function switchedIn(changed = []) {
  return changed.filter(
    ({ kind, done, fields }) => kind === "group" && done === "changed" && fields?.active,
  );
}

// Return what happened in one sentence.
export function titleOf(change) {
  const { command = {}, changed = [] } = change;
  const switched = switchedIn(changed);
  if (switched.length) return switchTitle(command, switched);
  if (command.held) {
    const rules = command.held.join(", ");
    return `${command.group} was not switched to the ${command.to}: refused by ${rules}`;
  }
  if (command.command === "planned switch") {
    return `Planned switch of ${command.group ?? changed[0]?.name}: ${outcome(command)}`;
  }
  const healths = changed.filter(({ kind, fields }) => kind === "application" && fields?.health);
  if (command.command === "health" && healths.length) {
    return healths.map(({ name, fields }) => `${name} is ${fields.health[1] ?? "unknown"}`).join(", ");
  }
  const secondaries = changed.filter(({ kind }) => kind === "secondary");
  if (secondaries.length && OF_THE_SERVER.has(command.command)) {
    return secondaries.map(({ name, fields }) => standing(name, fields)).join("; ");
  }
  return typed(command);
}

function standing(name, { zone, problem }) {
  if (zone?.[1]) return `${name} is behind in ${zone[1]}: ${problem?.[1]}`;
  return `${name} is in step${zone?.[0] ? ` in ${zone[0]}` : ""}`;
}

function outcome({ outcome: result, ttl, rules }) {
  if (result === "ttl-lowered") return `the TTL was lowered to ${ttl} s`;
  if (result === "refused") return `refused by ${(rules ?? []).map(({ rule }) => rule).join(", ")}`;
  return String(result ?? "").replaceAll("-", " ");
}

function switchTitle(command, switched) {
  const by = { automatic: "Automation switched", "planned switch": "As planned, switched" };
  const what = by[command.command] ?? "Switched";
  const sides = new Set(switched.map(({ fields }) => fields.active[1]));
  const names = listed(switched.map(({ name }) => name));
  if (sides.size === 1) return `${what} ${names} to the ${[...sides][0]}`;
  return `${what} ${names} to their other sides`;
}

// Return up to four names, and how many more there are.
export function listed(names, most = 4) {
  if (names.length <= most) return names.join(", ");
  return `${names.slice(0, most - 1).join(", ")} and ${names.length - most + 1} more`;
}

// Return a command as it would be typed, without its reason.
export function typed(command) {
  const words = [command.command];
  for (const [key, value] of Object.entries(command)) {
    if (key === "command" || key === "reason" || key === "happened" || value === false) continue;
    const items = [value].flat().map((item) => (typeof item === "object" ? "…" : shortened(item)));
    if (POSITIONS.has(key)) words.push(...items);
    else if (value === true) words.push(`--${key.replaceAll("_", "-")}`);
    else words.push(`--${key.replaceAll("_", "-")} ${items.join(" ")}`);
  }
  return words.join(" ");
}

function shortened(item) {
  const text = String(item);
  return text.length > LONGEST_WORD ? `${text.slice(0, LONGEST_WORD - 1)}…` : text;
}

const LONGEST_WORD = 60;
const POSITIONS = new Set([
  "group", "groups", "name", "old", "new", "application", "target", "state", "records", "file",
  "type", "data",
]);

// Return the details of a change: one line for each thing that changed.
export function detailsOf({ changed = [] }) {
  return changed.map(({ kind, name, done, fields = {} }) => {
    if (kind === "records") {
      const lines = Object.entries(fields).map(([text, [old, fresh]]) =>
        fresh === null ? `removed ${text}` : old === null ? `added ${text}` : `TTL of ${text}`,
      );
      return { what: `records ${name}`, lines };
    }
    const lines = Object.entries(fields).map(
      ([field, [old, fresh]]) => `${field.replaceAll("_", " ")}: ${value(old)} → ${value(fresh)}`,
    );
    return { what: `${kind} ${name}${done === "changed" ? "" : ` ${done}`}`, lines };
  });
}

function value(item) {
  if (item === null || item === undefined) return "none";
  return Array.isArray(item) ? item.join(", ") || "none" : String(item);
}
