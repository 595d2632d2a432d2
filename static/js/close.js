/**
 * A button that tells the learning platform around this page, or behind its window, that it may close it. Hidden where
 * there is neither. What is said holds nothing, so that it may be heard by anybody.
 */

import { attach } from "./attach.js";

attach("[data-tell-closed]", (button) => {
  const platform = window.opener ?? (window.parent === window ? null : window.parent);
  button.hidden = !platform;
  button.addEventListener("click", () => {
    platform?.postMessage({ subject: "org.imsglobal.lti.close" }, "*");
  });
});
