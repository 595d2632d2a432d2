/**
 * Brings the keyboard to the answer that a page begins with: what was done, or the first thing in a form that is wrong.
 * Screen readers say nothing by themselves of what was there when a page was loaded, and the first stop of the tab key
 * is far above it.
 */

function begin() {
  const answer = document.querySelector("main :is([data-answer], [aria-invalid=true])");
  if (answer instanceof HTMLElement) {
    answer.focus();
  }
}

// An address with a # at its end takes the focus away again, and has done so by then.
addEventListener("load", begin);
