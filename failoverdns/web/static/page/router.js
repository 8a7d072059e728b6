// Which view is shown: the fragment of the address, such as `#/groups/shop?q=active:backup`.
//
// The server never sees the fragment, links work with every button of the browser, and an address
// can be sent to a colleague.

// Return the present route: `path`, a list of decoded parts, and `query`.
export function route() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return {
    path: path.split("/").filter(Boolean).map(decode),
    query: new URLSearchParams(query),
  };
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

// Return the address of a route.
export function linkTo(path, query = {}) {
  const search = new URLSearchParams(query).toString();
  const parts = path.map(encodeURIComponent).join("/");
  return `#/${parts}${search ? `?${search}` : ""}`;
}

// Go to a route; `replace` leaves no entry in the history of the browser.
export function goTo(link, { replace = false } = {}) {
  if (location.hash === link) return;
  if (!replace) {
    location.hash = link;
    return;
  }
  history.replaceState(null, "", link);
  dispatchEvent(new HashChangeEvent("hashchange"));
}
