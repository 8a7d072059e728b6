// Maintenance of a group, and the end of a planned switch.
//
// The server has no dry run of its own for these: what would change is said from `explain`.

import { age, exact } from "../page/clock.js";
import { h } from "../page/dom.js";
import { side } from "../page/parts.js";
import { read } from "../server/api.js";
import { known } from "../state/known.js";
import { openAction } from "./dialog.js";

// Open the dialog that puts a group in maintenance, or takes it out.
export function openMaintenance(name) {
  const on = known.groups.get(name)?.automation.maintenance === null;
  openAction({
    name: `maintenance ${name}`,
    title: on ? `Maintenance of ${name}` : `End the maintenance of ${name}`,
    preview: async () => ({ nodes: await wouldChange(name, on) }),
    verb: () => (on ? "Begin maintenance" : "End maintenance"),
    request: () => ["maintenance", { group: name, state: on ? "on" : "off" }],
    done: () => [
      h("strong", {}, on ? `${name} is in maintenance.` : `${name} is not in maintenance.`),
      h("p", {}, on ? "Automation leaves it alone until you end it." : "Its policy decides again."),
    ],
  });
}

async function wouldChange(name, on) {
  const { result } = await read("explain", { group: name });
  const { mode, policy } = result.automation;
  const nodes = [
    h("p", {}, "What it answers does not change: ", h("span", { class: "mono" }, answers(result))),
  ];
  if (mode === "manual") {
    const why = policy ? `its policy, ${policy}, is manual` : "it has no policy";
    nodes.push(h("p", {}, `It switches only on command anyway: ${why}.`));
  } else if (on) {
    nodes.push(h("p", {}, "Automation would not switch it until you end the maintenance."));
    if (result.automation.health[result.active] === "down") {
      nodes.push(
        h("p", { class: "warn" }, "Its active side is down now: it would stay there."),
      );
    }
  } else {
    nodes.push(h("p", {}, `Its policy, ${policy}, would decide again.`));
    if (result.automation.health[result.active] === "down") {
      nodes.push(
        h("p", { class: "warn" }, "Its active side is down now: it may be switched soon after."),
      );
    }
  }
  if (on) nodes.push(h("p", {}, "Probes continue, and switches by hand stay possible."));
  return nodes;
}

function answers({ answers: list }) {
  return list.join(", ") || "nothing (NODATA)";
}

// Open the dialog that cancels the planned switch of a group.
export function openCancel(name) {
  openAction({
    name: `cancel ${name}`,
    title: `Cancel the planned switch of ${name}`,
    withoutReason: true,
    preview: async () => {
      const { result } = await read("status", { group: name });
      const plan = result.groups[0].automation.plan;
      if (plan === null) return { blocked: "It has no planned switch any more." };
      return {
        nodes: [
          h("p", {}, "It would not be switched to the ", side(plan.to), " at ",
            h("time", { datetime: plan.at }, exact(plan.at)), " (", age(plan.at, "left"), ")."),
          plan.ttl_lowered_at
            ? h("p", {}, `Its TTL, lowered to ${plan.pre_ttl} s, would be ${result.groups[0].ttl} s again.`)
            : null,
          plan.reason ? h("p", { class: "detail" }, `Planned because: ${plan.reason}`) : null,
        ],
      };
    },
    verb: () => "Cancel the plan",
    request: () => ["plan cancel", { group: name }],
    done: () => h("strong", {}, `The planned switch of ${name} is cancelled.`),
  });
}
