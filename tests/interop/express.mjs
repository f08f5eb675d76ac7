// One log-in for both: our pages and Express programs on the same Redis and
// secrets take each other's sessions, in both directions, also while a secret
// is being replaced.
//
//	node express.mjs URL REDIS_SOCKET SECRET OLDER_SECRET
import { createServer } from "node:http";
import express from "express";
import session from "express-session";
import { RedisStore } from "connect-redis";
import { createClient } from "redis";
import { io } from "socket.io-client";
import { assert, once, test } from "./tap.mjs";
import { newUser, Visitor } from "./site.mjs";

const [base, redisPath, secret, older] = process.argv.slice(2);
const tag = Date.now().toString(36);
const redis = createClient({ socket: { path: redisPath } });
await redis.connect();

const servers = [];

// A program on Express; the first of its secrets signs. Returns its URL.
async function expressWith(...secrets) {
  const app = express();
  app.use(session({
    store: new RedisStore({ client: redis }),
    secret: secrets,
    resave: false,
    saveUninitialized: false,
  }));
  app.get("/whoami", (req, res) => res.json({
    isAuthenticated: req.session.isAuthenticated ?? false,
    user: req.session.user ?? null,
    views: req.session.views ?? 0,
  }));
  app.post("/login/:name", (req, res) => {
    req.session.isAuthenticated = true;
    req.session.user = { id: `express-${req.params.name}`,
      displayName: req.params.name, provider: "local" };
    res.json({ ok: true });
  });
  app.post("/view", (req, res) => {
    req.session.views = (req.session.views ?? 0) + 1;
    req.session.odd = { "ключ": [1e21, 0.1, -0, "\u2028", "\ud83d\ude00"] };
    res.json({ views: req.session.views });
  });
  app.post("/logout", (req, res, next) =>
    req.session.destroy((err) => err ? next(err) : res.json({ ok: true })));
  const server = createServer(app).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return `http://127.0.0.1:${server.address().port}`;
}

const node = await expressWith(secret);

// The same browser at the other server: cookies do not know ports.
function at(other, visitor) {
  const same = new Visitor(other);
  if (visitor.cookie) same.cookie = visitor.cookie;
  return same;
}

const whoami = async (visitor) => (await visitor.get("/whoami")).json();

function socketOf(visitor) {
  return io(`${base}/packtchat`, { forceNew: true, reconnection: false,
    extraHeaders: { cookie: visitor.cookie } });
}

await test("who logs in here is logged in at Express", async () => {
  const ann = await newUser(base, `ann.${tag}`);
  const seen = await whoami(at(node, ann));
  assert.equal(seen.isAuthenticated, true);
  assert.equal(seen.user.displayName, `ann.${tag}`);
  assert.equal(seen.user.provider, "local");
});

await test("who logs in at Express is logged in here", async () => {
  const bob = new Visitor(node);
  await bob.post("/login/bob", {});
  const page = await at(base, bob).get("/chat");
  assert.equal(page.status, 200);
  assert.match(await page.text(), /bob/);
});

await test("a socket takes the session that Express made", async () => {
  const bob = new Visitor(node);
  await bob.post("/login/bob", {});
  const socket = socketOf(bob);
  await once(socket, "connect");
  assert.deepEqual(await socket.emitWithAck("GetMe"),
    { id: "express-bob", displayName: "bob", provider: "local" });
  socket.disconnect();
});

await test("what Express adds to a session stays through our pages", async () => {
  const cat = await newUser(base, `cat.${tag}`);
  const there = at(node, cat);
  await there.post("/view", {});
  await cat.get("/chat");
  await cat.submit("/account/login", { username: "nobody", password: "no" });
  await there.post("/view", {});
  const seen = await whoami(there);
  assert.equal(seen.views, 2);
  assert.equal(seen.user.displayName, `cat.${tag}`);
  const sid = decodeURIComponent(cat.cookie.split("=")[1]).slice(2)
    .split(".")[0];
  const record = JSON.parse(await redis.get(`sess:${sid}`));
  assert.deepEqual(record.odd,
    { "ключ": [1e21, 0.1, 0, "\u2028", "\ud83d\ude00"] });
});

await test("logging out here logs out at Express", async () => {
  const dan = await newUser(base, `dan.${tag}`);
  const before = at(node, dan);
  assert.equal((await whoami(before)).isAuthenticated, true);
  await dan.logOut();
  assert.equal((await whoami(before)).isAuthenticated, false);
});

await test("logging out at Express ends the socket here", async () => {
  const eve = await newUser(base, `eve.${tag}`);
  const socket = socketOf(eve);
  await once(socket, "connect");
  const ended = once(socket, "disconnect");
  await at(node, eve).post("/logout", {});
  await ended;
  assert.equal((await eve.get("/chat")).status, 302);
});

// ---- While the secret is being replaced ----

await test("Express has the older secret alone: here its log-in is one", async () => {
  const behind = await expressWith(older), fay = new Visitor(behind);
  await fay.post("/login/fay", {});
  const page = await at(base, fay).get("/chat");
  assert.equal(page.status, 200);
  const socket = socketOf(fay);
  await once(socket, "connect");
  socket.disconnect();
  // Ours are signed with the new one, which it does not know yet.
  const gus = await newUser(base, `gus.${tag}`);
  assert.equal((await whoami(at(behind, gus))).isAuthenticated, false);
});

await test("Express signs with the older and takes both: each other's", async () => {
  const midway = await expressWith(older, secret), hal = new Visitor(midway);
  await hal.post("/login/hal", {});
  assert.equal((await at(base, hal).get("/chat")).status, 200);
  const ivy = await newUser(base, `ivy.${tag}`);
  const seen = await whoami(at(midway, ivy));
  assert.equal(seen.user.displayName, `ivy.${tag}`);
});

await test("a secret that neither has opens nothing", async () => {
  const other = await expressWith("a secret of somebody else's"),
    jon = new Visitor(other);
  await jon.post("/login/jon", {});
  assert.equal((await at(base, jon).get("/chat")).status, 302);
  const [error] = await once(socketOf(jon), "connect_error");
  assert.match(error.message, /./);
});

// ---- Behind a proxy ----

await test("a page asked for through a proxy", async () => {
  const page = await fetch(new URL("/chat", base), { redirect: "manual",
    headers: { "x-forwarded-for": "203.0.113.7" } });
  assert.equal(page.status, 302);
});

for (const server of servers) {
  server.close();
  server.closeAllConnections();
}
await redis.quit();
setTimeout(() => process.exit(0), 100);
