// Small parts that several views are made of: health, sides, addresses, facts, empty lists.

import { age } from "./clock.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";

// Return a mark for a health: a shape, a colour, and the word.
export function health(state, { short = false } = {}) {
  return h(
    "span",
    { class: `health ${state}` },
    icon(state),
    h("span", { class: short ? "unseen" : null }, state),
  );
}

// Return the name of a side in the colour of that side.
export function side(name) {
  return h("span", { class: `side ${name}` }, name);
}

// Return addresses or hostnames, at most `most` of them.
export function targets(list, most = 3) {
  if (!list.length) return h("span", { class: "nothing" }, "nothing (NODATA)");
  const shown = list.slice(0, most).join(", ");
  const more = list.length - most;
  return h("span", { class: "mono" }, more > 0 ? `${shown} and ${more} more` : shown);
}

// Return a mark with an icon and a word.
export function chip(name, level, ...text) {
  return h("span", { class: `chip ${level}` }, icon(name), h("span", {}, text));
}

// Return a list of terms with their values; rows that are null are left out.
export function facts(...rows) {
  return h(
    "dl",
    { class: "facts" },
    rows
      .filter((row) => row && row[1] !== null && row[1] !== undefined)
      .map(([term, ...values]) => h("div", {}, h("dt", {}, term), h("dd", {}, values))),
  );
}

// Return a section with a heading.
export function section(title, ...content) {
  const id = `section-${title.toLowerCase().replace(/[^a-z0-9]+/g, "-")}`;
  return h(
    "section",
    { class: "card", "aria-labelledby": id, "data-key": id },
    h("h2", { id }, title),
    content,
  );
}

// Return the heading of a view, which gets the focus when the view is opened.
export function heading(title, ...beside) {
  return h(
    "div",
    { class: "heading", "data-key": "heading" },
    h("h1", { id: "title", tabindex: "-1" }, title),
    beside,
  );
}

// Return a button that does `action` (see actions/start.js) with data of its own.
export function button(text, action, data = {}, kind = "") {
  const attributes = { type: "button", class: `button ${kind}`, "data-do": action };
  for (const [name, value] of Object.entries(data)) attributes[`data-${name}`] = value;
  return h("button", attributes, text);
}

// Return what a list shows without entries.
export function empty(...text) {
  return h("p", { class: "empty" }, text);
}

// Return a table; `columns` are headings, `rows` are lists of cells, with a `key` if they have one.
// On a telephone each row becomes a block (see the style sheet), and roles keep it a table for
// screen readers.
export function table(caption, columns, rows) {
  return h(
    "div",
    { class: "scrolls" },
    h(
      "table",
      { role: "table" },
      h("caption", { class: "unseen" }, caption),
      h(
        "thead",
        { role: "rowgroup" },
        h(
          "tr",
          { role: "row" },
          columns.map((text) => h("th", { scope: "col", role: "columnheader" }, text)),
        ),
      ),
      h("tbody", { role: "rowgroup" }, rows.map((cells) => tableRow(columns, cells))),
    ),
  );
}

function tableRow(columns, cells) {
  return h(
    "tr",
    { role: "row", "data-key": cells.key ?? null },
    cells.map((cell, index) =>
      index === 0
        ? h("th", { scope: "row", role: "rowheader" }, cell)
        : h("td", { role: "cell", "data-label": columns[index] }, h("div", {}, cell)),
    ),
  );
}

// Return since when something is so.
export function since(time) {
  return time ? h("span", { class: "dim" }, age(time, "for")) : null;
}
