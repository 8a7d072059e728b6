// What the token may do, from the reply to `whoami`: actions that it may not are not offered.
// The server decides in the end; this is for people.

import { known } from "./known.js";

const ROLES = ["viewer", "reporter", "operator", "admin"];

// Whether the token has `role`, or a higher one, for a group, an application, or everything.
export function may(role, { group = null, application = null } = {}) {
  return (known.who?.grants ?? []).some((grant) => {
    if (ROLES.indexOf(grant.role) < ROLES.indexOf(role)) return false;
    if (!grant.groups && !grant.applications) return true;
    if (group !== null) return matches(grant.groups, group);
    if (application !== null) return matches(grant.applications, application);
    return false;
  });
}

// Whether the token may act on anything at all.
export function mayAct() {
  return (known.who?.grants ?? []).some(
    ({ role }) => ROLES.indexOf(role) >= ROLES.indexOf("operator"),
  );
}

function matches(patterns, name) {
  return (patterns ?? []).some((pattern) => {
    const parts = pattern.split(/([*?])/).map((part) => {
      if (part === "*") return ".*";
      return part === "?" ? "." : part.replace(/[.+^${}()|[\]\\]/g, "\\$&");
    });
    return new RegExp(`^${parts.join("")}$`, "i").test(name);
  });
}
