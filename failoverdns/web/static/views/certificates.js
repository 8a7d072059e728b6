// Certificates, those that end first before the others.

import { age, exact, now } from "../page/clock.js";
import { h, render } from "../page/dom.js";
import { chip, empty, heading, table } from "../page/parts.js";
import { linkTo } from "../page/router.js";
import { SOON } from "../state/attention.js";
import { known } from "../state/known.js";

const SHOWN = 500;

export function certificatesView(root) {
  return {
    draw() {
      const found = [...known.applications.values()]
        .filter(({ certificate }) => certificate)
        .sort((a, b) => Date.parse(a.certificate.not_after) - Date.parse(b.certificate.not_after));
      render(
        root,
        heading("Certificates", h("p", { class: "dim" }, found.length.toLocaleString("en"))),
        found.length
          ? table(
              "Certificates by their end",
              ["Application", "Ends", "Names", "Kind", "Warnings"],
              found.slice(0, SHOWN).map((each) => cells(each)),
            )
          : empty(
              "No application has a certificate. Install one with ",
              h("code", {}, "failoverdns certificate install"),
              " or request one with ",
              h("code", {}, "failoverdns certificate request"),
              ".",
            ),
      );
    },
  };
}

function cells({ name, certificate }) {
  const left = Date.parse(certificate.not_after) - now();
  const level = left < 0 ? "critical" : left < SOON ? "warning" : null;
  const row = [
    h("a", { href: linkTo(["applications", name]) }, name),
    [
      age(certificate.not_after, "left"),
      level ? chip(level === "critical" ? "down" : "warning", level, left < 0 ? "expired" : "soon") : null,
      h("span", { class: "sub" }, exact(certificate.not_after)),
    ],
    h("span", { class: "mono" }, certificate.names.join(", ")),
    certificate.kind,
    certificate.warnings.map((text) => h("p", { class: "detail" }, text)),
  ];
  row.key = name;
  return row;
}
