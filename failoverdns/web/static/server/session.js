// The token of this tab.
//
// It is kept in sessionStorage, so it is gone with the tab; never in a cookie or an address.  A
// token in the fragment of the address (`#token=...`) is taken and removed at once.  When the
// server refuses the token, requests wait for another one and then go on.

const NAME = "failoverdns-token";
const FRAGMENT = /^#token=(.*)$/;

let waiting = [];
let onRefused = () => {};

// Return the token, or null.
export function token() {
  return sessionStorage.getItem(NAME);
}

// Take the token from the fragment of the address, if there is one.
export function takeFromAddress() {
  const found = FRAGMENT.exec(location.hash);
  if (found === null) return;
  sessionStorage.setItem(NAME, found[1].trim()); // a token has letters, digits and _ only
  history.replaceState(null, "", location.pathname + location.search + "#/");
}

// Keep a token, and let those go on who wait for one.
export function signIn(text) {
  sessionStorage.setItem(NAME, text.trim());
  const resumed = waiting;
  waiting = [];
  for (const resume of resumed) resume();
}

// Forget the token and everything else that this tab keeps, and begin again.
export function signOut() {
  sessionStorage.clear();
  location.hash = "";
  location.reload();
}

// Set what asks the user for another token.
export function whenRefused(ask) {
  onRefused = ask;
}

// Wait until there is another token than `refused`.
export function renewed(refused) {
  if (token() !== null && token() !== refused) return Promise.resolve();
  return new Promise((resume) => {
    waiting.push(resume);
    onRefused();
  });
}
