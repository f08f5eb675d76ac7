// A Node server beside two of ours, and every call in every direction.
//
//	node calls.mjs REDIS_SOCKET plain|sharded MODE URL_A URL_B
import { createServer } from "node:http";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { Emitter } from "@socket.io/redis-emitter";
import { createClient } from "redis";
import { Server } from "socket.io";
import { io } from "socket.io-client";
import { assert, once, test } from "./tap.mjs";

const [redisPath, form, mode, ...urls] = process.argv.slice(2);

// ---- the same server as examples/cluster_node.c -----------------------------

const pub = createClient({ socket: { path: redisPath },
  username: process.env.REDIS_USER, password: process.env.REDIS_PASSWORD });
const sub = pub.duplicate();
const tap = pub.duplicate();
await Promise.all([pub.connect(), sub.connect(), tap.connect()]);
const http = createServer();
const node = new Server(http, { adapter: form === "sharded" ?
  createShardedAdapter(pub, sub, { subscriptionMode: mode }) :
  createAdapter(pub, sub, { requestsTimeout: 3000,
    publishOnSpecificResponseChannel: mode === "private" }) });

function targetOf(of, { rooms = [], except = [], ...flags }) {
  let target = flags.local ? of.local : of.to([]);
  if (flags.volatile) target = target.volatile;
  if (rooms.length > 0) target = target.to(rooms);
  return except.length > 0 ? target.except(except) : target;
}

function serve(of) {
  of.on("connection", (socket) => {
    const on = (name, fn) => socket.on(name, async (...args) => {
      const ack = args.pop();
      try {
        ack(await fn(...args) ?? true);
      } catch (error) {
        ack({ error: error.message });
      }
    });
    socket.data.node = "n";
    on("enter", (room) => { socket.join(room); });
    on("emit", (t, ...args) => { targetOf(of, t).emit(...args); });
    on("broadcast", (...args) => { socket.broadcast.emit(...args); });
    on("join", (t, room) => { targetOf(of, t).socketsJoin(room); });
    on("leave", (t, room) => { targetOf(of, t).socketsLeave(room); });
    on("kick", (t, close) => { targetOf(of, t).disconnectSockets(close); });
    on("tell", (...args) => { of.serverSideEmit(...args); });
    on("fetch", async (t) => (await targetOf(of, t).fetchSockets()).map(
      ({ id, rooms, handshake, data }) =>
        ({ id, rooms: [...rooms], handshake, data })));
    on("ask", (t, event, value, ms) => new Promise((resolve) => {
      targetOf(of, t).timeout(ms).emit(event, value, (error, answers) =>
        resolve({ error: error?.message ?? null, answers: answers.map(
          (a) => a instanceof Uint8Array ? { bytes: a.length } : a) }));
    }));
    on("consult", (event, value) => new Promise((resolve) => {
      of.serverSideEmit(event, value, (error, answers) =>
        resolve({ error: error?.message ?? null, answers }));
    }));
  });
  of.on("hello", (value, ack) => {
    of.local.emit("heard", value);
    ack?.({ from: "n", value });
  });
}
serve(node.of("/"));
serve(node.of("/other"));
http.listen(0, "127.0.0.1");
await once(http, "listening");
urls.push(`http://127.0.0.1:${http.address().port}`);

// ---- the clients: a and b at ours, n at Node's --------------------------------

const names = ["a", "b", "n"];
const options = { forceNew: true, reconnection: false,
  transports: ["websocket"] };
const sockets = {};

async function connect(name, nsp = "/") {
  const socket = io(urls[names.indexOf(name)] + nsp, options);
  socket.heard = [];
  socket.onAny((...args) => socket.heard.push(args));
  socket.on("question", (value, ack) => ack(value === "bytes" ?
    Buffer.alloc(7) : { name, value }));
  await once(socket, "connect");
  return socket;
}

for (const name of names)
  sockets[name] = await connect(name);
const all = names.map((name) => sockets[name]);
const ids = () => all.map((s) => s.id);
const call = (name, ...args) => sockets[name].timeout(8000).emitWithAck(...args);
let tags = 0;

// All that was sent before has come when this has. Each node sends it, for
// what two nodes send has no order.
async function settle() {
  for (const name of names) {
    const event = `settled-${++tags}`;
    const come = all.map((s) => once(s, event));
    await call(name, "emit", {}, event, 1);
    await Promise.all(come);
  }
}

const heardBy = (event) => names.filter((name) =>
  sockets[name].heard.some(([heard]) => heard === event)).join("");
const times = (name, event) =>
  sockets[name].heard.filter(([heard]) => heard === event).length;

// Whether all nodes know of a subscription is not told; ask until they do.
async function until(what, wanted) {
  for (let i = 0; i < 200; i++) {
    if (await what() === wanted) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(await what(), wanted);
}

await test("all three see each other", () => until(async () => {
  const seen = await Promise.all(names.map((n) => call(n, "fetch", {})));
  return seen.map((s) => s.length).join();
}, "3,3,3"));
for (const name of names)
  await call(name, "enter", `room-${name}`);
await until(async () => (await call("n", "fetch",
  { rooms: names.map((n) => `room-${n}`) })).length, 3);

for (const from of names) {
  const others = names.filter((n) => n !== from);
  const tag = (what) => `${what}-${from}-${++tags}`;

  await test(`${from} broadcasts`, async () => {
    const [every, but, room, rooms, except, local, id] = ["every", "but",
      "room", "rooms", "except", "local", "id"].map(tag);
    const value = { text: "é€😀", n: [1, -1, 0.5, 2 ** 53, null, true] };
    await call(from, "emit", {}, every, value);
    await call(from, "broadcast", but, 1);
    await call(from, "emit", { rooms: ["room-b"] }, room, value);
    await call(from, "emit", { rooms: ["room-a", "room-n", "x"] }, rooms, 1);
    await call(from, "emit", { except: ["room-a", "room-n"] }, except, 1);
    await call(from, "emit", { local: true }, local, 1);
    await call(from, "emit", { rooms: [sockets.a.id] }, id, 1);
    await settle();
    assert.equal(heardBy(every), "abn");
    for (const name of names) {
      assert.equal(times(name, every), 1);
      assert.deepEqual(sockets[name].heard.find(([e]) => e === every)[1],
        value);
    }
    assert.equal(heardBy(but), others.join(""));
    assert.equal(heardBy(room), "b");
    assert.equal(heardBy(rooms), "an");
    assert.equal(heardBy(except), "b");
    assert.equal(heardBy(local), from);
    assert.equal(heardBy(id), "a");
  });

  // Who is busy with something else misses it: so it is said until heard.
  await test(`${from} broadcasts what may be lost`, async () => {
    const vol = tag("volatile");
    await until(async () => {
      await call(from, "emit", { volatile: true }, vol, 1);
      return heardBy(vol);
    }, "abn");
  });

  await test(`${from} broadcasts bytes`, async () => {
    const [every, room] = [tag("bytes"), tag("deep")];
    await call(from, "emit", {}, every, Buffer.from([1, 2, 255]));
    await call(from, "emit", { rooms: ["room-a", "room-b", "room-n"] }, room,
      { deep: [Buffer.alloc(300, 7)] });
    await settle();
    for (const name of names) {
      const bytes = sockets[name].heard.find(([e]) => e === every)[1];
      assert.deepEqual([...new Uint8Array(bytes)], [1, 2, 255]);
      const { deep } = sockets[name].heard.find(([e]) => e === room)[1];
      assert.equal(deep[0].byteLength ?? deep[0].length, 300);
    }
  });

  await test(`${from} fetches sockets`, async () => {
    const found = await call(from, "fetch", {});
    assert.deepEqual(found.map((s) => s.id).sort(), ids().sort());
    for (const { id, rooms, data, handshake } of found) {
      const name = names.find((n) => sockets[n].id === id);
      assert.equal(data.node, name);
      assert.deepEqual([...rooms].sort(), [id, `room-${name}`].sort());
      assert.equal(handshake.query.EIO, "4");
      assert.equal(typeof handshake.headers, "object");
    }
    const one = await call(from, "fetch", { rooms: ["room-b"] });
    assert.deepEqual(one.map((s) => s.id), [sockets.b.id]);
    const local = await call(from, "fetch", { local: true });
    assert.deepEqual(local.map((s) => s.id), [sockets[from].id]);
  });

  await test(`${from} has sockets join and leave`, async () => {
    const room = tag("joined");
    const inside = async () => (await call(from, "fetch", { rooms: [room] }))
      .map((s) => names.find((n) => sockets[n].id === s.id)).sort().join("");
    await call(from, "join", {}, room);
    await until(inside, "abn");
    await call(from, "leave", { rooms: ["room-a", "room-n"] }, room);
    await until(inside, "b");
    await call(from, "join", { rooms: [room], except: ["room-b"] }, "nobody");
    await call(from, "leave", {}, room);
    await until(inside, "");
  });

  await test(`${from} speaks to the other servers`, async () => {
    const value = tag("hello");
    await call(from, "tell", "hello", value);
    const answer = await call(from, "consult", "hello", { value });
    assert.equal(answer.error, null);
    assert.deepEqual(answer.answers.map((a) => a.from).sort(), others);
    for (const a of answer.answers)
      assert.deepEqual(a.value, { value });
    await settle();
    for (const name of names)
      assert.equal(times(name, "heard"), others.includes(name) ? 2 : 0);
    for (const s of all)
      s.heard.length = 0;
  });

  await test(`${from} asks all clients`, async () => {
    const value = tag("q");
    const { error, answers } = await call(from, "ask", {}, "question", value,
      4000);
    assert.equal(error, null);
    assert.deepEqual(answers.map((a) => a.name).sort(), names);
    assert.ok(answers.every((a) => a.value === value));
    const bytes = await call(from, "ask", { except: [`room-${from}`] },
      "question", "bytes", 4000);
    assert.equal(bytes.error, null);
    assert.deepEqual(bytes.answers, [{ bytes: 7 }, { bytes: 7 }]);
    const nobody = await call(from, "ask", { rooms: ["empty"] }, "question",
      1, 2000);
    assert.deepEqual(nobody, { error: null, answers: [] });
    const deaf = await call(from, "ask", {}, "unanswered", 1, 300);
    assert.match(deaf.error, /timed out/);
  });

  await test(`${from} disconnects sockets`, async () => {
    for (const close of [false, true]) {
      const victims = await Promise.all(names.map((n) => connect(n, "/other")));
      const room = tag("victims");
      await victims[0].timeout(5000).emitWithAck("join", {}, room);
      await until(async () => (await victims[2].timeout(5000)
        .emitWithAck("fetch", { rooms: [room] })).length, 3);
      const gone = victims.map((v) => once(v, "disconnect"));
      const n = names.indexOf(from);
      victims[n].emit("kick", { rooms: [room] }, close, () => {});
      for (const [reason] of await Promise.all(gone))
        assert.match(reason, close ? /transport close|server disconnect/ :
          /io server disconnect/);
      victims.forEach((v) => v.disconnect());
    }
  });
}

if (form === "plain") {
  await test("the emitter package reaches all", async () => {
    const emitter = new Emitter(pub);
    emitter.emit("e-all", { n: 1 });
    emitter.to("room-a").emit("e-room", Buffer.from([9]));
    emitter.except(["room-a", "room-b"]).emit("e-except", 1);
    emitter.in("room-b").socketsJoin("e-joined");
    emitter.serverSideEmit("hello", "from the emitter");
    await settle();
    assert.equal(heardBy("e-all"), "abn");
    assert.equal(heardBy("e-room"), "a");
    assert.equal(heardBy("e-except"), "n");
    assert.equal(heardBy("heard"), "abn");
    await until(async () => (await call("n", "fetch",
      { rooms: ["e-joined"] })).length, 1);
    emitter.in("room-b").socketsLeave("e-joined");
    await until(async () => (await call("a", "fetch",
      { rooms: ["e-joined"] })).length, 0);
    const victim = await connect("b", "/other");
    const gone = once(victim, "disconnect");
    emitter.of("/other").disconnectSockets(true);
    await gone;
  });
}

// The same key on every channel that a room of ours may be on.
await test("rubbish on the channels hurts nobody", async () => {
  for (const channel of ["socket.io-response#/#", "socket.io-request#/#"])
    for (const bytes of [Buffer.from([0xc1]), Buffer.from("{"), Buffer.from([0x93,
      0xa1, 0x61]), Buffer.alloc(1000, 0x91), Buffer.from("{\"type\":99}")])
      await pub.publish(channel, bytes);
  await settle();
  assert.equal((await call("a", "fetch", {})).length, 3);
});

all.forEach((s) => s.disconnect());
node.close();
await Promise.all([pub.quit(), sub.quit(), tap.quit()]);
setTimeout(() => process.exit(0), 100);
