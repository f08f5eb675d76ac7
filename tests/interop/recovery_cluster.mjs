// Connection state recovery over several workers of tandem-ws, with the
// official client, and a Node server with redis-adapter among them.
//
//	node recovery_cluster.mjs FORM REDIS_SOCKET SECRET WINDOW_MS PORT:PID...
//
// The first two workers are killed.
import { createServer } from "node:http";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";
import { io } from "socket.io-client";
import { writeLogin } from "./site.mjs";
import { assert, once, silence, test } from "./tap.mjs";

const [form, redisPath, secret, window, ...list] = process.argv.slice(2);
const windowMs = Number(window);
const workers = list.map((w) => w.split(":").map(Number));
const ports = workers.map(([port]) => port);
const tag = `${form}${Date.now().toString(36)}`;
const stream = "tandem:{socket.io#/packtchat#}:stream";
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const redis = createClient({ socket: { path: redisPath } });
await redis.connect();

async function until(what, done, ms = 10000) {
  for (const end = Date.now() + ms; !(await done()); await sleep(10))
    if (Date.now() > end) throw new Error(`not in ${ms} ms: ${what()}`);
}

// ---- who comes ---------------------------------------------------------------

// Comes back by itself to the worker that stands at `at` then.
class Member {
  heard = [];	// messages, as they came

  constructor(session, at, options = {}) {
    this.at = at;
    this.socket = io(this.url, { forceNew: true, transports: ["websocket"],
      reconnectionDelay: 50, reconnectionDelayMax: 100, randomizationFactor: 0,
      extraHeaders: { cookie: session.cookie }, ...options });
    this.socket.io.on("reconnect_attempt", () => {
      this.socket.io.uri = this.url;
    });
    this.socket.on("AddChat", (chat) => this.heard.push(chat.message));
    this.ready = once(this.socket, "connect");
  }

  get url() {
    return `http://127.0.0.1:${ports[this.at]}/packtchat`;
  }

  async enter(room) {
    await this.ready;
    this.id = this.socket.id;
    await this.socket.emitWithAck("AddRoom", { name: room, keep: true });
    return this;
  }

  // The connection is cut, by us or by fn, and it is at another worker then.
  async lose(at, fn = () => this.socket.io.engine.close()) {
    const back = once(this.socket, "connect", undefined, 15000);
    this.at = at;
    fn();
    await back;
  }

  get pid() { return this.socket._pid; }
  get offset() { return this.socket._lastOffset; }
}

let users = 0;
async function member(at, room, options) {
  const session = await writeLogin(redis, secret, `u${users++}.${tag}`);
  const m = await new Member(session, at, options).enter(room);
  m.session = session;
  return m;
}

const SAYS = 2, OTHER = 3;	// workers that live
const speaker = await member(SAYS, `all-${tag}`);

async function say(room, ...messages) {
  await speaker.enter(room);
  for (const message of messages)
    await speaker.socket.emitWithAck("AddChat", { room, message });
}

const heard = (m, ...wanted) => until(() => `${m.heard} instead of ${wanted}`,
  () => m.heard.length >= wanted.length).then(() =>
  assert.deepEqual(m.heard, wanted));

// ---- a Node server -----------------------------------------------------------

const pub = redis.duplicate();
const sub = redis.duplicate();
await Promise.all([pub.connect(), sub.connect()]);
const http = createServer();
const node = new Server(http, { adapter: form === "sharded" ?
  createShardedAdapter(pub, sub) : createAdapter(pub, sub) });
const nodeErrors = [];
for (const client of [pub, sub]) client.on("error", (e) => nodeErrors.push(e));
node.of("/packtchat").on("connection", (socket) =>
  socket.on("enter", (name, ack) => { socket.join(name); ack(); }));
http.listen(0, "127.0.0.1");
await once(http, "listening");
const theirs = io(`http://127.0.0.1:${http.address().port}/packtchat`,
  { forceNew: true });
await once(theirs, "connect");

await test("a Node server among them hears each event once", async () => {
  const room = `node-${tag}`;
  await theirs.emitWithAck("enter", `chat:${room}`);
  const got = [];
  theirs.on("AddChat", (...args) => got.push(args));
  const m = await member(OTHER, room);
  await say(room, "1", "2", "3");
  await until(() => `${got.length} of 3`, () => got.length === 3);
  assert.deepEqual(got.map(([chat]) => chat.message), ["1", "2", "3"]);
  assert.ok(got.every((args) => args.length === 1));
  node.of("/packtchat").to(`chat:${room}`).emit("fromNode", { n: 1 });
  assert.equal((await once(m.socket, "fromNode")).length, 1);
  assert.deepEqual(nodeErrors, []);
  m.socket.disconnect();
});

// ---- coming back -------------------------------------------------------------

await test("a client that was cut misses nothing at another worker",
  async () => {
    const room = `cut-${tag}`;
    const m = await member(OTHER, room);
    await say(room, "1");
    await heard(m, "1");
    await m.lose(0);
    assert.ok(m.socket.recovered);
    assert.equal(m.socket.id, m.id);
    await say(room, "2");
    await heard(m, "1", "2");
    m.socket.io.engine.close();
    m.at = OTHER;
    await say(room, "3", "4");
    await heard(m, "1", "2", "3", "4");
    assert.ok(m.socket.recovered);
    // it stands in its room without having asked for it
    await m.socket.emitWithAck("AddChat", { room, message: "5" });
    await heard(m, "1", "2", "3", "4", "5");
    const users = await m.socket.emitWithAck("GetUser", { room });
    assert.equal(users.length, 2);
    m.socket.disconnect();
  });

await test("kill -9 of the node: all its clients are found elsewhere",
  async () => {
    const room = `kill-${tag}`;
    const members = await Promise.all(Array.from({ length: 40 },
      () => member(0, room)));
    await say(room, "1", "2");
    for (const m of members) await heard(m, "1", "2");
    const back = members.map((m, i) => m.lose(2 + i % 2, () => {}));
    process.kill(workers[0][1], "SIGKILL");
    await say(room, "3", "4");
    await Promise.all(back);
    await say(room, "5");
    for (const m of members) {
      await heard(m, "1", "2", "3", "4", "5");
      assert.ok(m.socket.recovered);
      assert.equal(m.socket.id, m.id);
    }
    members.forEach((m) => m.socket.disconnect());
  });

await test("and who had received nothing yet", async () => {
  const room = `none-${tag}`;
  const m = await member(1, room);
  m.socket._lastOffset = undefined;	// as if nothing had come
  const back = m.lose(OTHER, () => {});
  process.kill(workers[1][1], "SIGKILL");
  await say(room, "1", "2");
  await back;
  await heard(m, "1", "2");
  assert.ok(m.socket.recovered);
  assert.equal(m.socket.id, m.id);
  m.socket.disconnect();
});

await test("once each and in order, whatever is cut under a writer",
  async () => {
    const room = `writer-${tag}`;
    const members = await Promise.all(Array.from({ length: 10 },
      (_, i) => member(2 + i % 2, room)));
    await speaker.enter(room);
    const all = Array.from({ length: 400 }, (_, i) => `${i}`);
    const writing = (async () => {
      for (const message of all) {
        await speaker.socket.emitWithAck("AddChat", { room, message });
        await sleep(2);
      }
    })();
    for (let i = 0; i < 60; i++) {
      const m = members[i % members.length];
      m.at = 2 + Math.floor(Math.random() * 2);
      m.socket.io.engine?.close();
      await sleep(15);
    }
    await writing;
    for (const m of members) {
      await heard(m, ...all);
      assert.ok(m.socket.recovered);
      assert.equal(m.socket.id, m.id);
      m.socket.disconnect();
    }
  });

// ---- not coming back ---------------------------------------------------------

// What somebody else gets with a pid and an offset that he knows.
async function pretend(session, { pid, offset }, at = OTHER) {
  const m = new Member(session, at, { reconnection: false,
    auth: { pid, offset } });
  await m.ready;
  return m;
}

await test("another user does not get it, nor takes it away", async () => {
  const room = `thief-${tag}`;
  const m = await member(SAYS, room);
  await say(room, "1");
  await heard(m, "1");
  const thief = await pretend(
    await writeLogin(redis, secret, `thief.${tag}`), m);
  assert.notEqual(thief.socket.id, m.id);
  assert.deepEqual(thief.heard, []);
  await m.lose(OTHER);
  assert.ok(m.socket.recovered);
  await say(room, "2");
  await heard(m, "1", "2");
  assert.deepEqual(thief.heard, []);
  m.socket.disconnect();
  thief.socket.disconnect();
});

await test("nor does the same user in another log-in", async () => {
  const room = `login-${tag}`;
  const id = `same.${tag}`;
  const first = await writeLogin(redis, secret, id);
  const m = await new Member(first, SAYS, { reconnection: false }).enter(room);
  await say(room, "1");
  await heard(m, "1");
  const known = { pid: m.pid, offset: m.offset };
  m.socket.io.engine.close();
  await redis.del(`sess:${first.sid}`);
  const again = await pretend(await writeLogin(redis, secret, id), known);
  assert.notEqual(again.socket.id, m.id);
  await assert.rejects(pretend(first, known));
  again.socket.disconnect();
});

await test("nor who was sent away: a session that ended is over", async () => {
  const room = `ended-${tag}`;
  const m = await member(SAYS, room);
  await say(room, "1");
  await heard(m, "1");
  const known = { pid: m.pid, offset: m.offset };
  const gone = once(m.socket, "disconnect");
  await redis.del(`sess:${m.session.sid}`);
  await gone;
  await redis.set(`sess:${m.session.sid}`, JSON.stringify({
    cookie: { originalMaxAge: null }, isAuthenticated: true,
    user: { id: `u${users - 1}.${tag}`, displayName: "x" } }));
  const again = await pretend(m.session, known);
  assert.notEqual(again.socket.id, m.id);
  again.socket.disconnect();
});

await test("the window is over", async () => {
  const room = `late-${tag}`;
  const m = await member(SAYS, room, { reconnectionDelay: windowMs + 500,
    reconnectionDelayMax: windowMs + 500 });
  await say(room, "1");
  await heard(m, "1");
  await m.lose(OTHER);
  assert.ok(!m.socket.recovered);
  assert.notEqual(m.socket.id, m.id);
  m.socket.disconnect();
});

await test("the stream was trimmed", async () => {
  const room = `trim-${tag}`;
  const m = await member(SAYS, room, { reconnectionDelay: 500,
    reconnectionDelayMax: 500 });
  await say(room, "1");
  await heard(m, "1");
  const back = m.lose(OTHER);
  await say(room, "2", "3");
  await redis.xTrim(stream, "MAXLEN", 1);
  await back;
  assert.ok(!m.socket.recovered);
  assert.deepEqual(m.heard, ["1"]);
  m.socket.disconnect();
});

await test("two at once: one socket has it in the end", async () => {
  const room = `twice-${tag}`;
  const m = await member(SAYS, room, { reconnection: false });
  await say(room, "1");
  await heard(m, "1");
  const known = { pid: m.pid, offset: m.offset };
  m.socket.io.engine.close();
  await say(room, "2");
  const both = await Promise.all([pretend(m.session, known, SAYS),
    pretend(m.session, known, OTHER)]);
  await until(() => "one goes", () =>
    both.filter((b) => b.socket.connected && b.socket.id === m.id)
      .length === 1);
  const [one] = both.filter((b) => b.socket.connected);
  await say(room, "3");
  await heard(one, "2", "3");
  both.forEach((b) => b.socket.disconnect());
});

await test("a worker that is told to stop hands all over", async () => {
  const room = `term-${tag}`;
  const m = await member(OTHER, room);
  await say(room, "1");
  await heard(m, "1");
  const back = m.lose(SAYS, () => {});
  process.kill(workers[OTHER][1], "SIGTERM");
  await say(room, "2", "3");
  await back;
  await heard(m, "1", "2", "3");
  assert.ok(m.socket.recovered);
  m.socket.disconnect();
});

await test("nothing is left of the sessions that ended", async () => {
  await until(() => "keys", async () => {
    const keys = await redis.keys("tandem:{socket.io#/packtchat#}:session:*");
    return keys.length <= 1;	// the speaker's
  }, 3 * windowMs);
});

assert.ok(await silence(theirs, "disconnect", undefined, 10));
console.log("# done");
process.exit(0);
