// Icons, drawn as paths: each has a shape of its own, because colours alone cannot be told apart
// by everybody.

import { svg } from "./dom.js";

const PATHS = {
  up: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zm3.2 5-3.9 4.1-2.4-2.3 1-1.1 1.4 1.3 2.8-3z",
  down: "M5.2 1.5h5.6l3.7 3.7v5.6l-3.7 3.7H5.2l-3.7-3.7V5.2zm.6 3.2L4.7 5.8 6.9 8l-2.2 2.2 1.1 1.1L8 9.1l2.2 2.2 1.1-1.1L9.1 8l2.2-2.2-1.1-1.1L8 6.9z",
  unknown:
    "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zm0 1.5a5 5 0 1 1 0 10A5 5 0 0 1 8 3zM4.8 7.2h6.4v1.6H4.8z",
  warning: "M8 1.4 15.2 14H.8zm-.8 4.4v4h1.6v-4zm0 5v1.6h1.6v-1.6z",
  info: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM7.2 4.4h1.6V6H7.2zm0 2.8h1.6v4.4H7.2z",
  clock: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zm0 1.5a5 5 0 1 1 0 10A5 5 0 0 1 8 3zm-.7 2v3.4l2.6 2 .9-1.2-2-1.5V5z",
  wrench:
    "M10.6 1.6a3.9 3.9 0 0 0-3.7 5.1L1.6 12l2.4 2.4 5.3-5.3a3.9 3.9 0 0 0 4.9-5.1l-2.4 2.4-2-.4-.4-2 2.4-2.4a3.9 3.9 0 0 0-1.2 0z",
  hand: "M4 7.6V4.2a.9.9 0 0 1 1.8 0v2.6V2.6a.9.9 0 0 1 1.8 0v4V2.2a.9.9 0 0 1 1.8 0v4.4V3.4a.9.9 0 0 1 1.8 0v6.2c0 3-1.6 4.9-4.2 4.9-2 0-3.1-.9-4-2.6L1.8 9.6c-.5-1 .7-1.7 1.4-.9z",
  lock: "M4.5 7V5a3.5 3.5 0 0 1 7 0v2h1v7h-9V7zM6 7h4V5a2 2 0 0 0-4 0z",
  switch: "M10.6 1.6 15 5l-4.4 3.4V6H1V4h9.6zM5.4 7.6V10H15v2H5.4v2.4L1 11z",
  close: "m3.6 2.4 4.4 4.4 4.4-4.4 1.2 1.2L9.2 8l4.4 4.4-1.2 1.2L8 9.2l-4.4 4.4-1.2-1.2L6.8 8 2.4 3.6z",
  menu: "M1.5 3h13v1.8h-13zm0 4.1h13v1.8h-13zm0 4.1h13V13h-13z",
  search: "M6.8 1.5a5.3 5.3 0 1 0 3.2 9.5l3.4 3.4 1.1-1.1-3.4-3.4A5.3 5.3 0 0 0 6.8 1.5zm0 1.6a3.7 3.7 0 1 1 0 7.4 3.7 3.7 0 0 1 0-7.4z",
  dark: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zm0 1.5c1 0 2 .3 2.8.8l-7 7A5 5 0 0 1 8 3zm4.2 2.2a5 5 0 0 1-7 7z",
};

// Return the icon called `name`; screen readers skip it, because a text is beside it.
export function icon(name) {
  return svg(
    "svg",
    { class: `icon icon-${name}`, viewBox: "0 0 16 16", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: PATHS[name] }),
  );
}
