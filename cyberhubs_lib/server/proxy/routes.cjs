// The proxy's routes, kept in a file as well: one that restarts has them at once, also while the hub is
// away. Without a route a request for a running server reaches the hub, which says that it is down.
// What is out of date the hub puts right, as it does with all routes.
"use strict";
const fs = require("node:fs");
const { MemoryStore } = require("/opt/proxy/node_modules/configurable-http-proxy/lib/store.js");

const FILE = "/srv/routes/routes.json";

module.exports = class FileStore extends MemoryStore {
  constructor() {
    super();
    if (!fs.existsSync(FILE)) return;
    try {
      for (const [path, data] of Object.entries(JSON.parse(fs.readFileSync(FILE)))) {
        super.add(path, { ...data, last_activity: new Date() }); // as of a route that is new
      }
    } catch (error) {
      console.error(`the routes cannot be read: ${error.message}`);
    }
  }

  add(path, data) {
    const done = super.add(path, data);
    this.keep();
    return done;
  }

  remove(path) {
    const done = super.remove(path);
    this.keep();
    return done;
  }

  keep() {
    try {
      fs.writeFileSync(`${FILE}.new`, JSON.stringify(this.routes));
      fs.renameSync(`${FILE}.new`, FILE);
    } catch (error) {
      console.error(`the routes cannot be kept: ${error.message}`);
    }
  }
};
