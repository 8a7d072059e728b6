// What follows from the report of a group: which side is active, what is wrong, what is written on
// it.  It is derived once for each report, because 10,000 groups are searched with every key.

const derived = new WeakMap();

// Return the facts of a group's report.
export function factsOf(group) {
  let facts = derived.get(group);
  if (facts === undefined) {
    facts = derive(group);
    derived.set(group, facts);
  }
  return facts;
}

function derive(group) {
  const { primary, backup, automation, active } = group;
  const health = automation.health;
  const applications = [primary?.application, backup?.application].filter(Boolean);
  const other = active === "primary" ? "backup" : "primary";
  const isDark = group.answers.length === 0 && applications.length > 0;
  const isDown = health[active] === "down";
  const haystack = [
    group.name,
    group.hostname,
    ...applications,
    ...(primary?.targets ?? []),
    ...(backup?.targets ?? []),
    ...group.answers,
  ];
  return {
    other,
    applications,
    isDark,
    isDown,
    isOtherDown: health[other] === "down",
    isBothDown: isDown && health[other] === "down",
    isHeld: automation.held !== null,
    isPlanned: automation.plan !== null,
    isMaintained: automation.maintenance !== null,
    isStuck: automation.warnings.length > 0,
    isUnrecorded: group.unrecorded !== null,
    resolving: [primary?.resolved, backup?.resolved].filter((found) => found?.problem),
    text: haystack.join("\n").toLowerCase(),
  };
}

// Return the distance until the last client that honours the TTL has left the old side, or 0.
export function draining(group, time) {
  const until = Date.parse(group.drained_at ?? "");
  return until > time ? until - time : 0;
}
