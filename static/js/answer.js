/**
 * Brings the keyboard to the answer that a page begins with: what was done, or the first thing in a form that is wrong.
 * Screen readers say nothing by themselves of what was there when a page was loaded, and the first stop of the tab key
 * is far above it.
 */

const SETTLED_MS = 2000;
const OWN_MOVES = ["wheel", "touchstart", "pointerdown", "keydown"];

function begin() {
  const answer = document.querySelector("main :is([data-answer], [aria-invalid=true])");
  if (answer instanceof HTMLElement) {
    answer.focus();
    stayAt(answer);
  }
}

/** An address with a # at its end scrolls away from it, now or a little later; whoever reads may do so at once. */
function stayAt(answer) {
  const left = new AbortController();
  addEventListener("scroll", () => answer.scrollIntoView({ block: "nearest" }), { signal: left.signal });
  for (const move of OWN_MOVES) {
    addEventListener(move, () => left.abort(), { signal: left.signal, passive: true });
  }
  setTimeout(() => left.abort(), SETTLED_MS);
}

// An address with a # at its end takes the focus away again, and has done so by then.
addEventListener("load", begin);
