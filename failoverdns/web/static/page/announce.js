// Live regions for screen readers, and short notes in a corner for those who look.

import { h, render } from "./dom.js";
import { icon } from "./icons.js";

const SHOWN = 8000; // milliseconds
const MOST = 4;

let notes = [];
let number = 0;

// Say a text when the screen reader has time, or at once if it is urgent.
export function say(text, isUrgent = false) {
  const region = document.getElementById(isUrgent ? "urgent" : "polite");
  region.textContent = "";
  setTimeout(() => (region.textContent = text), 50);
}

// Show a note for a while, and say it.
export function note(text, level = "info", link = null) {
  const id = String((number += 1));
  notes = [...notes, { id, text, level, link }].slice(-MOST);
  say(text);
  draw();
  setTimeout(() => {
    notes = notes.filter((each) => each.id !== id);
    draw();
  }, SHOWN);
}

function draw() {
  render(
    document.getElementById("toasts"),
    notes.map(({ id, text, level, link }) =>
      h(
        "p",
        { class: `toast ${level}`, "data-key": id },
        icon(level === "info" ? "switch" : level === "critical" ? "down" : level),
        link ? h("a", { href: link }, text) : h("span", {}, text),
      ),
    ),
  );
}
