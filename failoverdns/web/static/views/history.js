// The history: what happened, who did it, when, from where, and why; newest first.

import { age, timeOfDay } from "../page/clock.js";
import { h, render } from "../page/dom.js";
import { icon } from "../page/icons.js";
import { button, empty, heading } from "../page/parts.js";
import { linkTo } from "../page/router.js";
import { read } from "../server/api.js";
import { changed, known } from "../state/known.js";
import { detailsOf, kindOf, titleOf, typed, whoOf } from "../state/words.js";

const FIRST = 50;
const MOST = 10000; // that the server shows

const ICONS = { switch: "switch", refused: "warning", health: "info", other: "clock" };

export function historyView(root, { query }) {
  const group = query.get("group");
  const state = { limit: FIRST, entries: null, loading: false, trimmed: null, revision: -1 };
  const refresh = async () => {
    if (state.loading) return;
    state.loading = true;
    try {
      const fields = { limit: state.limit, ...(group ? { group } : {}) };
      const { result } = await read("history", fields);
      state.entries = result.history;
      state.trimmed = result.trimmed ?? null;
      state.fault = null;
    } catch (error) {
      state.fault = error.message;
    }
    state.loading = false;
    changed();
  };
  return {
    start: refresh,
    more() {
      state.limit = Math.min(MOST, state.limit * 2);
      refresh();
    },
    draw() {
      if (state.entries !== null && known.revision > state.revision && state.revision >= 0) refresh();
      state.revision = known.revision;
      const entries = state.entries ?? [];
      render(
        root,
        heading(
          group ? `History of ${group}` : "History",
          group ? h("a", { href: linkTo(["groups", group]) }, "To the group") : null,
        ),
        state.entries === null
          ? empty(state.fault ?? "Loading …")
          : h("ol", { class: "changes long", "aria-busy": String(state.loading) }, days(entries)),
        entries.length >= state.limit && state.limit < MOST
          ? button("Show more", "more", {}, "wide")
          : null,
        state.trimmed ? empty(`Older changes, up to revision ${state.trimmed}, were trimmed.`) : null,
        state.entries !== null && !entries.length ? empty("No changes yet.") : null,
      );
    },
  };
}

function days(entries) {
  let day = null;
  const found = [];
  for (const entry of entries) {
    const here = new Date(entry.time).toLocaleDateString(undefined, { dateStyle: "full" });
    if (here !== day) {
      found.push(h("li", { class: "day", "data-key": here }, h("h2", {}, here)));
      day = here;
    }
    found.push(change(entry, true));
  }
  return found;
}

// Return the entry of a change; `isLong` adds the time of day, the command and all details.
export function change(entry, isLong = false) {
  const kind = kindOf(entry);
  const who = whoOf(entry);
  const { command = {} } = entry;
  const groups = entry.changed?.filter((part) => part.kind === "group").map(({ name }) => name) ?? [];
  const title = titleOf(entry);
  const link = groups.length === 1 ? linkTo(["groups", groups[0]]) : null;
  return h(
    "li",
    { class: `change ${kind}`, "data-key": `r${entry.revision ?? entry.time}` },
    icon(ICONS[kind]),
    h(
      "div",
      {},
      h("p", { class: "what" }, link ? h("a", { href: link }, title) : title),
      command.reason ? h("p", { class: "reason" }, "“", command.reason, "”") : null,
      h(
        "p",
        { class: "dim" },
        age(entry.time, "ago"),
        isLong ? ` (${timeOfDay(entry.time)})` : null,
        " by ",
        h("span", { class: "who", title: who.full }, who.name),
        who.detail ? ` ${who.detail}` : null,
        isLong && entry.revision !== null ? ` · revision ${entry.revision}` : null,
        command.override?.length ? h("span", { class: "warn" }, ` · overrode ${command.override.join(", ")}`) : null,
      ),
      isLong ? details(entry) : null,
    ),
  );
}

function details(entry) {
  const { rules = [] } = entry.command ?? {};
  return h(
    "details",
    {},
    h("summary", {}, "Details"),
    h("p", { class: "mono" }, typed(entry.command ?? {})),
    rules.map(({ rule, message }) => h("p", {}, h("strong", {}, rule), ": ", message)),
    h(
      "ul",
      {},
      detailsOf(entry).map(({ what, lines }) =>
        h("li", {}, what, lines.length ? h("ul", {}, lines.map((line) => h("li", { class: "mono" }, line))) : null),
      ),
    ),
  );
}
