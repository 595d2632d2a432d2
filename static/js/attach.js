/**
 * Gives every element that matches a behaviour of its own, also those that come with a later swap.
 *
 * @param {string} selector
 * @param {(element: HTMLElement) => void} behave called once for each element
 */
export function attach(selector, behave) {
  const known = new WeakSet();

  function scan() {
    for (const element of document.querySelectorAll(selector)) {
      if (element instanceof HTMLElement && !known.has(element)) {
        known.add(element);
        behave(element);
      }
    }
  }

  scan();
  document.addEventListener("htmx:after:swap", scan);
}
