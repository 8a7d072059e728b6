// Applications, and one of them with its heads, their health and why, its certificate and groups.

import { age, exact } from "../page/clock.js";
import { h, render } from "../page/dom.js";
import { button, chip, empty, facts, health, heading, section, side, since, table, targets } from "../page/parts.js";
import { linkTo } from "../page/router.js";
import { read } from "../server/api.js";
import { changed, known } from "../state/known.js";
import { may } from "../state/rights.js";
import { probeList } from "./group.js";

const SHOWN = 300; // applications in the document
const EVERY = 10000;

const collator = new Intl.Collator("en", { numeric: true });
const BAD_FIRST = { down: 0, unknown: 1, up: 2 };

export function applicationsView(root) {
  let all = false;
  return {
    more() {
      all = true;
      changed();
    },
    draw() {
      const found = [...known.applications.values()].sort(
        (a, b) =>
          BAD_FIRST[a.health.health] - BAD_FIRST[b.health.health] || collator.compare(a.name, b.name),
      );
      const shown = all ? found : found.slice(0, SHOWN);
      render(
        root,
        heading("Applications", h("p", { class: "dim" }, found.length.toLocaleString("en"))),
        found.length
          ? table(
              "Applications, those that are down first",
              ["Application", "Health", "Role", "Heads", "Answers with", "Certificate"],
              shown.map((each) => cells(each)),
            )
          : empty("No applications yet."),
        shown.length < found.length ? button(`Show all ${found.length}`, "more", {}, "wide") : null,
      );
    },
  };
}

function cells(application) {
  const { name, health: found, role, heads, web_head: web, certificate } = application;
  const row = [
    h("a", { href: linkTo(["applications", name]) }, name),
    [health(found.health), " ", since(found.since), found.forced ? chip("hand", "info", "forced") : null],
    role,
    heads.map(({ name: head, active, health: { health: state } }) =>
      h("span", { class: `head${active ? " active" : ""}` }, health(state, { short: true }), head),
    ),
    targets(web.targets, 2),
    certificate ? ["ends ", age(certificate.not_after, "left")] : h("span", { class: "dim" }, "none"),
  ];
  row.key = name;
  return row;
}

export function applicationView(root, { path: [, name] }) {
  const state = { seen: null, certificate: undefined, report: null, fault: null };
  const refresh = async () => {
    try {
      const { result } = await read("health show", { application: name });
      [state.seen] = result.applications;
      if (known.applications.get(name)?.certificate) {
        state.certificate = (await read("certificate show", { application: name })).result;
      }
      state.fault = null;
    } catch (error) {
      state.fault = error.message; // what was seen last stays
    }
    changed();
  };
  const timer = setInterval(() => document.hidden || refresh(), EVERY);
  return {
    start: refresh,
    end: () => clearInterval(timer),
    draw() {
      const application = known.applications.get(name);
      if (application === undefined) {
        render(root, heading(name), empty("There is no such application. ", h("a", { href: "#/applications" }, "All applications")));
        return;
      }
      if (state.report !== null && state.report !== application) refresh();
      state.report = application;
      const canForce = may("operator", { application: name });
      render(
        root,
        heading(name, health(application.health.health), since(application.health.since)),
        canForce
          ? h("div", { class: "actions", "data-key": "actions" }, button("Force its health…", "force", { target: name }))
          : null,
        state.fault ? h("p", { class: "warn", "data-key": "fault" }, `This may be old: ${state.fault}`) : null,
        h(
          "div",
          { class: "columns", "data-key": "columns" },
          h(
            "div",
            {},
            section("Heads", headTable(application, canForce)),
            state.seen?.probes.length ? section("Probes", probeList(state.seen.probes)) : null,
          ),
          h(
            "div",
            {},
            section("Health", healthFacts(application)),
            section("Groups", groupList(name)),
            section("Certificate", certificateFacts(application, state.certificate)),
          ),
        ),
      );
    },
  };
}

function headTable({ name, heads }, canForce) {
  if (!heads.length) return empty("No heads: it answers nothing.");
  return h(
    "ul",
    { class: "heads" },
    heads.map((head) =>
      h(
        "li",
        { "data-key": head.name },
        h(
          "div",
          {},
          h("strong", {}, head.name),
          ` ${head.role.replace("-", " ")} `,
          head.active ? h("span", { class: "pill" }, "active") : h("span", { class: "dim" }, "standby"),
          h("p", {}, targets(head.addresses.length ? head.addresses : [head.hostname], 20)),
          h(
            "p",
            {},
            health(head.health.health),
            " ",
            since(head.health.since),
            head.health.cause ? h("span", { class: "warn" }, ` ${head.health.cause}: ${head.health.detail ?? ""}`) : null,
          ),
          head.health.forced ? h("p", { class: "warn" }, forced(head.health.forced)) : null,
        ),
        canForce ? button("Force…", "force", { target: `${name}/${head.name}` }, "small") : null,
      ),
    ),
  );
}

function forced({ health: state, reason, since: time }) {
  return [`Forced ${state}`, reason ? ` (${reason}) ` : " ", age(time, "for")];
}

function healthFacts({ health: found, role }) {
  return facts(
    ["Counts as", health(found.health)],
    ["Observed", health(found.observed)],
    found.forced ? ["Forced", forced(found.forced)] : null,
    ["Checks", found.checks.join(", ") || "none: its health is unknown"],
    ["Head is up if", `${found.require_checks} of its checks pass`],
    ["Up if", `${found.require_heads} of its heads are up`],
    ["Role", role],
  );
}

function groupList(name) {
  const groups = [...known.groups.values()].filter(
    ({ primary, backup }) => primary?.application === name || backup?.application === name,
  );
  if (!groups.length) return empty("No group follows it.");
  return [
    h(
      "ul",
      { class: "links" },
      groups.slice(0, 20).map((group) => {
        const name_ = group.primary?.application === name ? "primary" : "backup";
        return h(
          "li",
          { "data-key": group.name },
          h("a", { href: linkTo(["groups", group.name]) }, group.name),
          " as ",
          side(name_),
          group.active === name_ ? h("span", { class: "pill" }, "active") : null,
        );
      }),
    ),
    groups.length > 20 ? h("a", { href: linkTo(["groups"], { q: `app:${name}` }) }, `all ${groups.length}`) : null,
  ];
}

function certificateFacts({ certificate }, shown) {
  if (!certificate) return empty("None.");
  return [
    facts(
      ["Names", certificate.names.join(", ")],
      ["Ends", `${exact(certificate.not_after)}, `, age(certificate.not_after, "left")],
      ["Kind", certificate.kind],
      shown ? ["Issuer", shown.issuer] : null,
      shown ? ["Renewal", shown.renewal.allowed ? `by ${shown.renewal.by}` : `not here: by ${shown.renewal.by}`] : null,
      shown?.transferred_from ? ["Transferred from", shown.transferred_from] : null,
      shown?.order?.problem ? ["Order", h("span", { class: "warn" }, shown.order.problem)] : null,
      ["Fingerprint", h("span", { class: "mono break" }, certificate.fingerprint)],
    ),
    certificate.warnings.map((text) => h("p", { class: "warn" }, text)),
  ];
}
