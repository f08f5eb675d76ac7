// One log-in for both: our pages and an Express program on the same Redis and
// secret take each other's sessions, in both directions.
//
//	node express.mjs URL REDIS_SOCKET SECRET
import { createServer } from "node:http";
import express from "express";
import session from "express-session";
import { RedisStore } from "connect-redis";
import { createClient } from "redis";
import { io } from "socket.io-client";
import { assert, once, test } from "./tap.mjs";
import { newUser, Visitor } from "./site.mjs";

const [base, redisPath, secret] = process.argv.slice(2);
const tag = Date.now().toString(36);
const redis = createClient({ socket: { path: redisPath } });
await redis.connect();

const app = express();
app.use(session({
  store: new RedisStore({ client: redis }),
  secret: [secret],
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
await once(server, "listening");
const node = `http://127.0.0.1:${server.address().port}`;

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

server.close();
server.closeAllConnections();
await redis.quit();
setTimeout(() => process.exit(0), 100);
