// One attempt to change something, which may be repeated safely.
//
// The key is made once for an attempt and sent with every repetition, so the server carries the
// command out once.  When no answer comes, or the server does not know the outcome itself, asking
// again with the same key finds it out.

import { change, Problem, Unreachable } from "../server/api.js";

const PAUSES = [1000, 2000, 4000, 8000, 15000]; // milliseconds

// The outcome is still unknown after all repetitions.
export class StillUnknown extends Error {}

// Return a new key.
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `dashboard-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

// Give a command, and ask again while its outcome is unknown; `unknown(why)` is called before each
// repetition.  Return the reply; raise Problem if the server refused it, StillUnknown otherwise.
export async function attempt(command, fields, key, unknown) {
  for (const pause of [...PAUSES, null]) {
    try {
      return await change(command, fields, key);
    } catch (error) {
      const isUnknown =
        error instanceof Unreachable ||
        (error instanceof Problem && error.code === "unknown-outcome");
      if (!isUnknown) throw error;
      unknown(error.message);
      if (pause === null) throw new StillUnknown(error.message);
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  throw new StillUnknown("");
}
