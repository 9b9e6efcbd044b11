// A limit for the proxy's connections to servers; Node has none of its own. The address of a container
// that has died refuses nothing: it stays silent, and Linux goes on asking for two minutes.
import { subscribe } from "node:diagnostics_channel";

const LIMIT = 1200; // ms: Linux asks a second time after 1000, should the server's queue have been full

subscribe("net.client.socket", ({ socket }) => {
  socket.once("connectionAttempt", (address) => {
    const error = Object.assign(new Error(`no answer from ${address}`), { code: "ETIMEDOUT" });
    // setImmediate: what has arrived while this process was busy counts
    const late = () => setImmediate(() => socket.connecting && socket.destroy(error));
    const timer = setTimeout(late, LIMIT);
    for (const end of ["connect", "close"]) socket.once(end, () => clearTimeout(timer));
  });
});
