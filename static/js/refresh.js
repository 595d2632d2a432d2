/** Has a region refreshed every few seconds, as long as it asks for that and somebody is looking. */

import { attach } from "./attach.js";

attach("[data-refresh-region]", (region) => {
  let last = Date.now();

  setInterval(() => {
    const seconds = Number(region.dataset.refreshSeconds ?? 0);
    if (seconds > 0 && document.visibilityState === "visible" && Date.now() - last >= seconds * 1000) {
      last = Date.now();
      region.dispatchEvent(new CustomEvent("carrel:refresh"));
    }
  }, 1000);
});
