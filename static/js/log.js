/** A live log: adds lines as they come, and stays at the end unless the reader has scrolled away or paused. */

import { attach } from "./attach.js";

const NEAR_THE_END_PX = 40;

attach("[data-log]", (log) => {
  const lines = log.querySelector("[data-log-lines]");
  const pause = log.querySelector("[data-log-pause]");
  if (!(lines instanceof HTMLElement) || !(pause instanceof HTMLButtonElement)) {
    return;
  }
  let isFollowing = true;

  /** @param {boolean} follow */
  function setFollowing(follow) {
    isFollowing = follow;
    pause?.setAttribute("aria-pressed", String(!follow));
    if (follow) {
      lines?.scrollTo({ top: lines.scrollHeight });
    }
  }

  pause.hidden = false;
  pause.addEventListener("click", () => setFollowing(!isFollowing));
  log.addEventListener("toggle", () => setFollowing(isFollowing));
  lines.addEventListener("scroll", () => {
    const isAtTheEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < NEAR_THE_END_PX;
    if (isAtTheEnd !== isFollowing) {
      setFollowing(isAtTheEnd);
    }
  });
  log.addEventListener("carrel:log", (event) => {
    const { build, lines: added } = /** @type {CustomEvent} */ (event).detail;
    if (log.dataset.build !== build) {
      lines.replaceChildren();
      log.dataset.build = build;
      log.dataset.after = "0";
    }
    for (const line of added) {
      if (line.sequence > Number(log.dataset.after)) {
        const row = document.createElement("span");
        row.textContent = line.text;
        lines.append(row);
        log.dataset.after = String(line.sequence);
      }
    }
    setFollowing(isFollowing);
  });
  setFollowing(true);
});
