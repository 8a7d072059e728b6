// The server: its processes, the condition of its store, hooks, and every other number it reports.

import { age, now } from "../page/clock.js";
import { h, render } from "../page/dom.js";
import { icon } from "../page/icons.js";
import { empty, facts, heading, section, since, table } from "../page/parts.js";
import { changed, known, loadSoon } from "../state/known.js";

const EVERY = 10000;
const LARGE = 1000; // groups; above that, the whole status is too much to ask for every few seconds
const WITH_OWN_SECTION = new Set(["workers", "automation", "behind"]);
const IN_PROCESSES = new Set(["pid", "version", "confinement", "fast_path", "serving"]);

export function serverView(root) {
  const timer = setInterval(() => {
    if (!document.hidden && known.groups.size < LARGE) loadSoon();
  }, EVERY);
  return {
    start() {
      if (known.groups.size < LARGE) loadSoon();
      changed();
    },
    end: () => clearInterval(timer),
    draw() {
      const { server, store, hooks } = known;
      render(
        root,
        heading("Server", h("p", { class: "dim" }, "as of ", age(new Date(known.loadedAt ?? now()).toISOString()))),
        h(
          "div",
          { class: "columns", "data-key": "columns" },
          h("div", {}, section("State", storeFacts(store)), section("Processes", processes(server ?? {})), section("Hooks", hookTable(hooks))),
          h("div", {}, section("Counters", others(server ?? {})), section("You", me())),
        ),
      );
    },
  };
}

function storeFacts(store) {
  if (!store) return empty("Not known.");
  const isGood = store.writable;
  return [
    h(
      "p",
      { class: `verdict-line ${isGood ? "good" : "critical"}` },
      icon(isGood ? "up" : "down"),
      h("span", {}, isGood ? "Changes can be written" : `Nothing can be written: ${store.fault}`),
      isGood ? null : since(store.since),
    ),
    facts(
      ["Revision", known.revision.toLocaleString("en")],
      ["Read only", store.read_only ? "yes" : "no"],
      ["Reserve", store.reserve],
      ["Free", store.free === null ? null : bytes(store.free)],
      ["Not recorded", `${store.unrecorded} automatic steps`],
      ["Answers", known.server?.behind ? "behind the state" : "up to date with the state"],
    ),
  ];
}

function bytes(number) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  while (number >= 1024 && at < units.length - 1) [number, at] = [number / 1024, at + 1];
  return `${number.toFixed(at > 0 && number < 100 ? 1 : 0)} ${units[at]}`;
}

function processes({ workers, transfers, fast_path: fast }) {
  const rows = (workers ?? []).map((worker) => ["answers queries", worker, worker.answering]);
  if (transfers) rows.push(["zone transfers", transfers, transfers.serving]);
  if (!rows.length) return facts(["Answers", `in the control process (${fast})`]);
  return table(
    "Processes",
    ["Process", "State", "Version", "Fast path", "Confined"],
    rows.map(([what, process, works]) => [
      `${what}, ${process.pid}`,
      h("span", { class: `health ${works ? "up" : "down"}` }, icon(works ? "up" : "down"), h("span", {}, works ? "works" : "starting")),
      process.version ?? "",
      process.fast_path ?? "",
      confined(process.confinement),
    ]),
  );
}

function confined(found) {
  if (!found) return "";
  if (found.fault) return h("span", { class: "warn" }, found.fault);
  return `Landlock ${found.landlock}, ${found.seccomp ? "seccomp" : "no seccomp"}`;
}

function hookTable(hooks) {
  if (!hooks.length) return empty("None are configured.");
  return table(
    "Hooks",
    ["Hook", "State", "Waiting", "Last run", "Problem"],
    hooks.map(({ name, state, waiting, last_run: last, problem }) => [
      name,
      state,
      String(waiting),
      last ? age(last) : "never",
      problem ? h("span", { class: "warn" }, problem) : "",
    ]),
  );
}

// Return what the server reports beside its processes, whatever that is in this version.
function others(server) {
  return Object.entries(server)
    .filter(([name, value]) => !WITH_OWN_SECTION.has(name) && value !== null)
    .map(([name, value]) => [
      typeof value === "object"
        ? [h("h3", {}, words(name)), facts(...plain(value))]
        : facts([words(name), String(value)]),
    ]);
}

function plain(value, before = "") {
  return Object.entries(value).flatMap(([name, item]) => {
    const path = before ? `${before}, ${words(name)}` : words(name);
    if (item === null || item === "" || IN_PROCESSES.has(name)) return [];
    if (typeof item === "object") return plain(item, path);
    return [[path, typeof item === "number" ? item.toLocaleString("en") : String(item)]];
  });
}

function words(name) {
  return String(name).replaceAll("_", " ");
}

function me() {
  const { who } = known;
  if (!who) return empty("Not known.");
  return facts(
    ["Token", who.principal],
    ["Role", who.role ?? "none"],
    ...who.grants
      .filter(({ groups, applications }) => groups || applications)
      .map(({ role, groups, applications }) => [
        `As ${role}`,
        [
          groups ? `groups ${groups.join(", ")}` : null,
          applications ? ` applications ${applications.join(", ")}` : null,
        ],
      ]),
  );
}
