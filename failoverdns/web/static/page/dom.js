// Elements from data, and a document that follows them.
//
// `h` makes an element, and `render` makes the children of a node like given ones: what is there
// already stays, with its focus and with what was typed into it.  Every text becomes a text node,
// so data from the server is never read as HTML.

const SVG = "http://www.w3.org/2000/svg";

// Return an element: `h("td", {class: "name"}, "text", child, [children])`.  An attribute that is
// false, null or undefined is left out; one that is true is empty.
export function h(tag, attributes = {}, ...children) {
  return build(document.createElement(tag), attributes, children);
}

// Return an element of a drawing.
export function svg(tag, attributes = {}, ...children) {
  return build(document.createElementNS(SVG, tag), attributes, children);
}

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...nodes(children));
  return element;
}

function nodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}

// Make the children of `target` like `children`.
export function render(target, ...children) {
  const focused = document.activeElement;
  follow(target, nodes(children));
  if (focused !== document.activeElement && focused?.isConnected && target.contains(focused)) {
    focused.focus({ preventScroll: true });
  }
}

function follow(target, fresh) {
  const wanted = new Set(fresh.map(keyOf).filter((key) => key !== null));
  const keyed = new Map();
  for (const child of [...target.childNodes]) {
    const key = keyOf(child);
    if (key === null) continue;
    if (wanted.has(key)) keyed.set(key, child);
    else child.remove();
  }
  let at = target.firstChild;
  for (const node of fresh) {
    const key = keyOf(node);
    const found = key !== null ? keyed.get(key) : at !== null && keyOf(at) === null ? at : null;
    if (found && alike(found, node)) {
      if (found === at) at = at.nextSibling;
      else target.insertBefore(found, at);
      patch(found, node);
    } else {
      target.insertBefore(node, at);
    }
  }
  while (at !== null) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function keyOf(node) {
  return node.dataset?.key ?? null;
}

function alike(old, fresh) {
  return old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && old.id === fresh.id;
}

function patch(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.isEqualNode(fresh) && old.nodeName !== "INPUT") return;
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !isOfTheUser(old, name)) old.removeAttribute(name);
  }
  for (const { name, value } of [...fresh.attributes]) {
    if (old.getAttribute(name) !== value && !isOfTheUser(old, name)) old.setAttribute(name, value);
  }
  if (old.nodeName === "INPUT" && (old.type === "checkbox" || old.type === "radio")) {
    old.checked = fresh.hasAttribute("checked");
  }
  if (old.nodeName !== "TEXTAREA") follow(old, [...fresh.childNodes]);
}

// Whether the user changes this attribute: `open` of what can be folded, the text of a field, and
// the geometry that a script sets.
function isOfTheUser(element, name) {
  return (
    (name === "open" && element.nodeName === "DETAILS") ||
    (name === "value" && element.nodeName === "INPUT" && element.type !== "radio") ||
    name === "style"
  );
}
