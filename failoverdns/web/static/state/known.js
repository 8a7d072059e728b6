// What is known of the server: its last state, loaded once and then followed by events.
//
// An event names what it touched; only that is asked for again, or everything if it is a lot.
// Views subscribe and draw themselves again, at most once a frame.  Nothing here is ever emptied
// because the server is away: what was seen last stays, and `connection` says how old it is.

import { now } from "../page/clock.js";
import { Problem, read } from "../server/api.js";

const MOST_SINGLE = 12; // groups that are asked for one by one; above that, everything
const GATHER = 120; // milliseconds in which events are gathered
const REST = 8; // a full load is followed by a rest of this many times its duration
const LONGEST_LOAD = 120000; // milliseconds that a full load may take

export const known = {
  version: 0, // rises when something is known that was not
  loaded: false,
  loadedAt: null, // milliseconds, by the server's clock
  revision: 0,
  groups: new Map(), // by name
  applications: new Map(),
  zones: [],
  secondaries: [],
  flags: [],
  hooks: [],
  server: null,
  store: null,
  who: null, // the reply to `whoami`
  recent: [], // the last changes, newest first
  connection: { live: false, since: null, retryAt: null },
};

const listeners = new Set();
let frame = null;

// Call `listener` after each change of what is known; return a function that ends it.
export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// Call every listener, once in this frame; a hidden page has no frames, and uses a timer.
export function changed() {
  if (frame !== null) return;
  frame = document.hidden ? setTimeout(notify, 200) : requestAnimationFrame(notify);
}

function learned() {
  known.version += 1;
  changed();
}

function notify() {
  frame = null;
  for (const listener of listeners) listener();
}

// Load everything.
export async function load() {
  const begin = performance.now();
  const [status, flags, secondaries, who, recent] = await Promise.all([
    read("status", {}, LONGEST_LOAD),
    read("flag list"),
    read("secondary list"),
    read("whoami"),
    read("history", { limit: 30 }),
  ]);
  const { result } = status;
  known.revision = result.revision;
  known.groups = byName(known.groups, result.groups);
  known.applications = byName(known.applications, result.applications);
  known.zones = result.zones;
  known.hooks = result.hooks;
  known.server = result.server;
  known.store = result.store;
  known.flags = flags.result.flags;
  known.secondaries = secondaries.result.secondaries;
  known.who = who.result;
  known.recent = recent.result.history;
  known.loaded = true;
  known.loadedAt = now();
  loads.rest = (performance.now() - begin) * REST;
  learned();
  return known.revision;
}

// Keep the report of what did not change, so that what was derived from it stays valid.
function byName(before, reports) {
  const found = new Map();
  for (const report of reports) {
    const old = before.get(report.name);
    found.set(report.name, old && JSON.stringify(old) === JSON.stringify(report) ? old : report);
  }
  return found;
}

const loads = { rest: 0, wanted: false, running: false, last: 0 };

// Load everything soon, but never so often that the server does little else.
export function loadSoon() {
  loads.wanted = true;
  if (loads.running) return;
  loads.running = true;
  const pause = Math.max(GATHER, loads.last + loads.rest - performance.now());
  setTimeout(async () => {
    loads.wanted = false;
    try {
      await load();
    } catch {
      // the stream of events reports that the server is away, and loads again after that
    }
    loads.last = performance.now();
    loads.running = false;
    if (loads.wanted) loadSoon();
  }, pause);
}

const touched = { groups: new Set(), applications: new Set(), others: new Set(), timer: null };
const OTHERS = { flag: "flags", secondary: "secondaries", zone: "zones", records: "zones" };

// Take an event of a change, and ask again for what it touched.
export function take(event) {
  if (event.revision !== null && event.revision !== undefined) {
    known.revision = Math.max(known.revision, event.revision);
    known.recent = [event, ...known.recent.filter((e) => e.revision !== event.revision)];
    known.recent.length = Math.min(known.recent.length, 30);
  }
  for (const part of event.changed ?? []) note(part);
  if (touched.timer === null) touched.timer = setTimeout(refresh, GATHER);
  learned();
}

function note({ kind, name, fields }) {
  if (kind === "group") {
    touched.groups.add(name);
    if (fields?.name?.[0]) touched.groups.add(fields.name[0]);
  } else if (kind === "application" || kind === "certificate" || kind === "role") {
    touched.applications.add(name);
    if (fields?.name?.[0]) touched.applications.add(fields.name[0]);
  } else if (kind === "hostname") {
    touched.others.add("everything");
  } else {
    touched.others.add(OTHERS[kind] ?? "nothing");
  }
}

async function refresh() {
  touched.timer = null;
  const { groups, applications, others } = touched;
  touched.groups = new Set();
  touched.applications = new Set();
  touched.others = new Set();
  try {
    if (others.has("everything") || groups.size > MOST_SINGLE) return loadSoon();
    for (const { name, primary, backup } of known.groups.values()) {
      if (applications.has(primary?.application) || applications.has(backup?.application)) {
        groups.add(name);
        if (groups.size > MOST_SINGLE) return loadSoon();
      }
    }
    for (const name of groups) await refreshGroup(name, applications);
    if (applications.size) await refreshApplications();
    if (others.has("flags")) known.flags = (await read("flag list")).result.flags;
    if (others.has("flags") && known.server) await refreshFrozen();
    if (groups.size || others.has("zones") || others.has("secondaries")) await refreshZones();
  } catch {
    // the stream of events reports that the server is away, and loads again after that
  }
  learned();
}

async function refreshGroup(name, applications) {
  try {
    const { result } = await read("status", { group: name });
    for (const group of result.groups) known.groups.set(group.name, group);
    for (const application of result.applications) {
      known.applications.set(application.name, application);
      applications.delete(application.name);
    }
    known.store = result.store;
  } catch (error) {
    if (!(error instanceof Problem && error.code === "not-found")) throw error;
    known.groups.delete(name);
  }
}

async function refreshApplications() {
  const { result } = await read("application list");
  known.applications = byName(known.applications, result.applications);
}

function refreshFrozen() {
  const flag = known.flags.find(({ name }) => name === "automation");
  const frozen = flag && !flag.on ? (flag.reason ?? "") : null;
  known.server = { ...known.server, automation: { ...known.server.automation, frozen } };
}

// Ask for zones and secondaries: their serial numbers change without an event.
export async function refreshZones() {
  const [zones, secondaries] = await Promise.all([read("zone list"), read("secondary list")]);
  known.zones = zones.result.zones.filter((zone) => !zone.catalog);
  known.secondaries = secondaries.result.secondaries;
  learned();
}

// Take the event `store`: whether the state can be written.
export function takeStore({ writable, fault, since }) {
  known.store = { ...known.store, writable, fault, since: writable ? null : since };
  learned();
}

// Take the condition of the stream of events; a stream that was interrupted means a full load,
// because not everything that is shown has an event.
export function takeConnection(connection) {
  const resumed = connection.live && connection.resumed;
  known.connection = { since: null, retryAt: null, ...connection };
  if (resumed) loadSoon();
  changed();
}
