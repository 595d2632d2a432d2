/**
 * Keeps the keyboard where it was when a part of the page is swapped. Where its button is gone with the swap, it goes to
 * the heading of what has come in its place, or to that itself: otherwise it would start again at the top of the page.
 */

/** @type {Element | null} */
let last = null;
/** @type {string[]} the parts of the page that it was in, the closest first */
let places = [];

document.addEventListener("htmx:before:swap", () => {
  last = document.activeElement;
  places = [];
  for (let place = last?.closest("main [id]"); place; place = place.parentElement?.closest("main [id]")) {
    places.push(place.id);
  }
});

document.addEventListener("htmx:after:swap", () => {
  if (!last || last.isConnected) {
    return;
  }
  const place = places.map((id) => document.getElementById(id)).find((found) => found !== null);
  const next = place?.querySelector("h2, h3") ?? place;
  if (next instanceof HTMLElement) {
    next.setAttribute("tabindex", "-1");
    next.focus();
  }
  last = null;
});
