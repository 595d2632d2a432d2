/**
 * Follows a server or a class over a websocket: has a region refreshed when something changed, and hands new
 * log lines to the log, if there is one. A lost connection is taken up again after the last line that came.
 */

import { attach } from "./attach.js";

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 30000;
/** The other side says something every twenty seconds; a connection that stays silent longer is a dead one. */
const LONGEST_SILENCE_MS = 50000;
const NOT_FOUND = 4404;

attach("[data-follow]", (region) => {
  const log = document.querySelector("[data-log]");
  let build = log instanceof HTMLElement ? (log.dataset.build ?? "") : "";
  let after = log instanceof HTMLElement ? Number(log.dataset.after ?? 0) : 0;
  let retry = FIRST_RETRY_MS;
  let version = region.dataset.version;
  let heard = Date.now();
  /** @type {WebSocket | undefined} */
  let socket;
  /** @type {number | undefined} */
  let waiting;

  function refresh() {
    if (version !== region.dataset.version) {
      region.dispatchEvent(new CustomEvent("carrel:refresh"));
    }
  }

  /** @param {MessageEvent<string>} event */
  function receive(event) {
    heard = Date.now();
    const message = JSON.parse(event.data);
    if (message.type === "status") {
      version = message.version;
      refresh();
    } else if (message.type === "log") {
      build = message.build;
      after = message.lines.at(-1).sequence;
      log?.dispatchEvent(new CustomEvent("carrel:log", { detail: message }));
    }
  }

  function connect() {
    clearTimeout(waiting);
    waiting = undefined;
    heard = Date.now();
    const address = new URL(region.dataset.follow ?? "", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    if (build) {
      address.search = new URLSearchParams({ build, after: String(after) }).toString();
    }
    socket = new WebSocket(address);
    socket.addEventListener("open", () => {
      retry = FIRST_RETRY_MS;
    });
    socket.addEventListener("message", receive);
    socket.addEventListener("close", (event) => {
      if (event.code !== NOT_FOUND) {
        waiting = setTimeout(connect, retry * (0.75 + Math.random() / 2));
        retry = Math.min(retry * 2, LONGEST_RETRY_MS);
      }
    });
  }

  setInterval(() => {
    if (Date.now() - heard > LONGEST_SILENCE_MS) {
      socket?.close();
    }
  }, 5000);
  window.addEventListener("online", () => waiting && connect());
  // What changed while a refresh was on its way is asked for again, but not in a hurry.
  document.addEventListener("htmx:after:swap", () => setTimeout(refresh, 1000));
  connect();
});
