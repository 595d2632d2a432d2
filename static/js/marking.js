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
  if (event.target instanceof HTMLElement && isTyping(event.target)) {
    if (event.key === "Escape") {
      event.target.blur();
    }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) {
    return;
  }
  const help = document.querySelector("[data-keys]");
  if (event.key === "?" && help instanceof HTMLDetailsElement) {
    help.open = !help.open;
    help.querySelector("summary")?.focus();
    return;
  }
  const named = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!(named instanceof HTMLElement)) {
    return;
  }
  event.preventDefault();
  if (named.matches("input, textarea, [data-key-focus]")) {
    named.focus();
  } else {
    named.click();
  }
  if (named instanceof HTMLInputElement) {
    named.select();
  }
});

attach("[data-comment]", (form) => {
  form.addEventListener("keydown", (event) => {
    const isSending = event.key === "Enter" && (event.ctrlKey || event.metaKey);
    if (isSending && form instanceof HTMLFormElement) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
});

// Where the address says something else (a comment, a question), that is where to look.
attach("[data-here]", (cell) => {
  if (location.hash === "") {
    const isLong = cell.offsetHeight > 0.7 * window.innerHeight;
    cell.scrollIntoView({ block: isLong ? "start" : "center", behavior: "instant" });
  }
});

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

  let asked = 0;

  async function renew() {
    asked += 1;
    const mine = asked;
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
    if (said && mine === asked) {
      said.textContent = words; // An answer that comes late says nothing any more.
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
