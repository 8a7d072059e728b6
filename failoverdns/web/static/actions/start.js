// What buttons do: an element with `data-do` names one of these, and what it is about.

import { openFlag, openFreeze } from "./automation-actions.js";
import { openForce } from "./force.js";
import { openCancel, openMaintenance } from "./group-actions.js";
import { openSwitch } from "./switch.js";

const ACTIONS = {
  switch: ({ groups }) => openSwitch(JSON.parse(groups)),
  plan: ({ groups }) => openSwitch(JSON.parse(groups), true),
  cancel: ({ group }) => openCancel(group),
  maintenance: ({ group }) => openMaintenance(group),
  freeze: () => openFreeze(),
  flag: ({ flag }) => openFlag(flag),
  force: ({ target }) => openForce(target),
};

// Start the action of a button; return whether there is one.
export function startAction(name, data) {
  const action = ACTIONS[name];
  action?.(data);
  return action !== undefined;
}
