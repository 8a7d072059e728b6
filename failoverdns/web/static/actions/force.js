// Force the health of an application or a head, whatever probes see.
//
// The server has no dry run of its own for this: the groups that follow it, and what their
// policies may do then, follow from what is known.

import { h } from "../page/dom.js";
import { health } from "../page/parts.js";
import { read } from "../server/api.js";
import { known } from "../state/known.js";
import { listed } from "../state/words.js";
import { count, openAction } from "./dialog.js";

const WORDS = { up: "up", down: "down", none: "as probes see it" };

// Open the dialog that forces `target`, `APPLICATION` or `APPLICATION/HEAD`.
export function openForce(target) {
  const [application, head = null] = target.split("/");
  openAction({
    name: `force ${target}`,
    title: `Force the health of ${target}`,
    values: { state: forcedOf(application, head) ? "none" : "down" },
    fields: (values) => choices(values),
    preview: ({ state }) => preview(application, head, state),
    verb: ({ state }) => (state === "none" ? "Remove the override" : `Force ${target} ${state}`),
    request: ({ state }) => ["health force", { target, state }],
    done: (result, { state }) =>
      h("strong", {}, state === "none"
        ? `${target} is as probes see it.`
        : `${target} is forced ${state} until you remove it.`),
    isDanger: true,
  });
}

function forcedOf(application, head) {
  const found = known.applications.get(application);
  if (head === null) return found?.health.forced ?? null;
  return found?.heads.find(({ name }) => name === head)?.health.forced ?? null;
}

function choices(values) {
  return h(
    "div",
    { class: "field", role: "radiogroup", "aria-label": "Health" },
    h("span", {}, "It counts as"),
    Object.entries(WORDS).map(([state, text]) =>
      h(
        "label",
        { class: "choice" },
        h("input", { type: "radio", name: "state", value: state, checked: values.state === state }),
        h("span", {}, text),
      ),
    ),
  );
}

async function preview(application, head, state) {
  const { result } = await read("health show", { application });
  const [report] = result.applications;
  const now = head === null ? report.health : report.heads.find(({ name }) => name === head);
  if (!now) return { blocked: `${application} has no head ${head} any more.` };
  if (state === "none" && now.forced === null) {
    return { blocked: "It is not forced: there is nothing to remove." };
  }
  const after = state === "none" ? now.observed : state;
  return {
    nodes: [
      h("p", {}, "Now ", health(now.health), ", then ", health(after),
        h("span", { class: "dim" }, ` (probes see it ${now.observed})`)),
      ...following(application, head, after),
    ],
  };
}

function following(application, head, after) {
  const groups = [...known.groups.values()].filter(
    ({ primary, backup }) =>
      primary?.application === application || backup?.application === application,
  );
  const onIt = groups.filter((group) => group[group.active]?.application === application);
  const moving = onIt.filter(({ automation }) => automation.mode === "automatic");
  const names = (list) => listed(list.map(({ name }) => name), 6);
  const nodes = [
    groups.length
      ? h("p", {}, `${count(groups.length, "group follows", "groups follow")} it: ${names(groups)}.`)
      : h("p", {}, "No group follows it."),
  ];
  if (after === "down" && moving.length) {
    nodes.push(
      h(
        "p",
        { class: "warn" },
        `${count(moving.length, "group")} on it may be switched by the policy` +
          `${head === null ? "" : ", if the application is down with this head"}: ${names(moving)}.`,
      ),
    );
  }
  if (after === "down" && onIt.length > moving.length) {
    nodes.push(h("p", {}, "Groups without automation stay where they are."));
  }
  if (after === "up") {
    nodes.push(h("p", {}, "The rule target-down would not refuse a switch to it."));
  }
  return nodes;
}
