/**
 * Grading without a mouse, and keeping an answer as long as its page is open. Every key presses something that is on
 * the page anyway, so nothing can be done with keys alone.
 */

import { attach } from "./attach.js";

/** @param {EventTarget | null} target */
function isTyping(target) {
  return target instanceof HTMLElement && target.closest("input:not([type=checkbox]), textarea, select") !== null;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping(event.target)) {
    return;
  }
  const help = document.querySelector("[data-keys]");
  if (event.key === "?" && help instanceof HTMLDetailsElement) {
    help.open = !help.open;
    help.querySelector("summary")?.focus();
    return;
  }
  const named = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (named instanceof HTMLTextAreaElement) {
    event.preventDefault();
    named.focus();
  } else if (named instanceof HTMLElement) {
    event.preventDefault();
    named.click();
  }
});

attach("[data-here]", (cell) => cell.scrollIntoView({ block: "center" }));

attach("[data-marking]", (form) => {
  if (!(form instanceof HTMLFormElement)) {
    return;
  }
  const url = form.dataset.leaseUrl ?? "";
  const said = document.querySelector("[data-lease-said]");
  let isStaying = false;

  function about() {
    const body = new FormData();
    for (const name of ["csrfmiddlewaretoken", "notebook", "cell"]) {
      const field = form.querySelector(`[name="${name}"]`);
      body.append(name, field instanceof HTMLInputElement ? field.value : "");
    }
    return body;
  }

  async function renew() {
    let words = "";
    try {
      const answer = await fetch(url, { method: "POST", body: about() });
      if (answer.status === 409) {
        words = (await answer.json()).detail;
      } else if (!answer.ok) {
        words = form.dataset.wordsLost ?? "";
      }
    } catch {
      words = form.dataset.wordsLost ?? "";
    }
    if (said) {
      said.textContent = words;
    }
  }

  // A form of this page leads back to it, or lets go by itself.
  document.addEventListener("submit", () => {
    isStaying = true;
  });
  window.addEventListener("pagehide", () => {
    if (!isStaying) {
      const body = about();
      body.append("drop", "1");
      navigator.sendBeacon(url, body);
    }
  });
  window.addEventListener("pageshow", () => {
    isStaying = false;
    void renew();
  });
  window.setInterval(renew, 1000 * Number(form.dataset.renewSeconds));
});
