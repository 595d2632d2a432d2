// A page that uses Binder: launches by the real client, then runs a cell by the real Jupyter client, as Thebe does.
// Writes one JSON object: the events, and what the cell printed.

import dns from "node:dns";

const { BUILD_URL, SPEC, TOKEN, CODE } = process.env;

// Not every resolver knows `*.localhost`; browsers do.
const lookUp = dns.lookup;
dns.lookup = (host, options, done) => lookUp(host.endsWith(".localhost") ? "127.0.0.1" : host, options, done);

// The client was written for browsers, and leaves to them what it throws to end a stream.
process.on("unhandledRejection", () => {});
globalThis.window = { fetch: globalThis.fetch, setTimeout, clearTimeout };
globalThis.document = { cookie: "", addEventListener() {}, removeEventListener() {} };
const { BinderRepository } = await import("@jupyterhub/binderhub-client/client.js");

const repository = new BinderRepository(SPEC, new URL(BUILD_URL), { apiToken: TOKEN });
const events = [];
for await (const event of repository.fetch()) {
  events.push(event);
  if (["ready", "failed"].includes(event.phase)) break; // After a failure the client adds one of its own.
}
repository.close();

// As in a worker: without these it takes itself to be in a page of the server's own.
delete globalThis.window;
delete globalThis.document;

let printed = "";
const last = events.at(-1);
if (last.phase === "ready") {
  const { KernelManager, ServerConnection } = (await import("@jupyterlab/services")).default;
  const serverSettings = ServerConnection.makeSettings({ baseUrl: last.url, token: last.token, appendToken: true });
  const kernel = await new KernelManager({ serverSettings }).startNew({ name: "python3" });
  const run = kernel.requestExecute({ code: CODE });
  run.onIOPub = ({ header, content }) => {
    if (header.msg_type === "stream") printed += content.text;
  };
  await run.done;
  await kernel.shutdown();
}
process.stdout.write(JSON.stringify({ events, printed }), () => process.exit(0));
