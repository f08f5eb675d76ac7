// A Node server of today beside our workers: rooms reach both, both ways.
//
//	node adapter.mjs URL REDIS_SOCKET
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { Emitter } from "@socket.io/redis-emitter";
import { createClient } from "redis";
import { Server } from "socket.io";
import { io } from "socket.io-client";
import { assert, once, silence, test } from "./tap.mjs";
import { newUser } from "./site.mjs";

const [base, redisPath] = process.argv.slice(2);
const tag = Date.now().toString(36);
const room = `shared-${tag}`;
const wireRoom = `chat:${room}`;	// what chat rooms are called on the wire

const pub = createClient({ socket: { path: redisPath } });
const sub = pub.duplicate();
await Promise.all([pub.connect(), sub.connect()]);
const http = createServer();
const node = new Server(http, { adapter: createAdapter(pub, sub) });
const chat = node.of("/packtchat");
chat.on("connection", (socket) => {
  socket.on("enter", (name, ack) => {
    socket.join(name);
    ack();
  });
  socket.on("say", (name, ...args) => socket.to(name).emit(...args));
});
http.listen(0, "127.0.0.1");
await once(http, "listening");

const ann = await newUser(base, `ann.${tag}`);
const options = { forceNew: true, reconnection: false };
// Two sockets of ours, most likely on different workers, and one of Node's.
const ours = [0, 1].map(() => io(`${base}/packtchat`, { ...options,
  transports: ["websocket"], extraHeaders: { cookie: ann.cookie } }));
const theirs = io(`http://127.0.0.1:${http.address().port}/packtchat`, options);
await Promise.all([...ours, theirs].map((s) => once(s, "connect")));
for (const socket of ours)
  await socket.emitWithAck("AddRoom", { name: room });
await theirs.emitWithAck("enter", wireRoom);

await test("our message reaches the room's members on Node", async () => {
  const heard = once(theirs, "AddChat");
  const here = ours.map((s) => once(s, "AddChat"));
  await ours[0].emitWithAck("AddChat", { room, message: "from C ✓" });
  const [message] = await heard;
  await Promise.all(here);	// or the next test may hear of it
  assert.equal(message.message, "from C ✓");
  assert.equal(message.user.displayName, `ann.${tag}`);
});

await test("our two workers reach each other", async () => {
  const heard = ours.map((s) => once(s, "AddChat"));
  await ours[1].emitWithAck("AddChat", { room, message: "hop" });
  for (const [message] of await Promise.all(heard))
    assert.equal(message.message, "hop");
});

await test("Node's message reaches the room's members here", async () => {
  const values = [1, -1, 2 ** 53, 0.5, 1.5e-7, null, true, "é€😀",
    { a: [1, { b: "\u2028" }] }, []];
  const heard = ours.map((s) => once(s, "values"));
  theirs.emit("say", wireRoom, "values", ...values);
  for (const got of await Promise.all(heard))
    assert.deepEqual(got, values);
});

await test("bytes from Node arrive as bytes", async () => {
  const heard = ours.map((s) => once(s, "bytes"));
  theirs.emit("say", wireRoom, "bytes", Buffer.from([1, 2, 255]),
    { deep: [Buffer.alloc(300, 7)] });
  for (const [first, second] of await Promise.all(heard)) {
    assert.deepEqual([...first], [1, 2, 255]);
    assert.equal(second.deep[0].length, 300);
  }
});

await test("a broadcast leaves out who is excepted, and other rooms", async () => {
  const quiet = silence(ours[0], "direct");
  const heard = once(ours[1], "direct");
  chat.to(wireRoom).except(ours[0].id).emit("direct", 1);
  await heard;
  assert.ok(await quiet);
  const other = silence(ours[1], "other");
  chat.to(`chat:not-${room}`).emit("other", 1);
  assert.ok(await other);
});

await test("Node reaches one socket of ours by its id", async () => {
  const heard = once(ours[1], "you");
  const quiet = silence(ours[0], "you");
  chat.to(ours[1].id).emit("you", "alone");
  assert.deepEqual(await heard, ["alone"]);
  assert.ok(await quiet);
});

await test("the emitter package reaches both sides", async () => {
  const heard = [...ours, theirs].map((s) => once(s, "news"));
  new Emitter(pub).of("/packtchat").to(wireRoom).emit("news", { n: 1 });
  for (const [news] of await Promise.all(heard))
    assert.deepEqual(news, { n: 1 });
});

await test("rubbish on the channels hurts nobody", async () => {
  for (const bytes of [Buffer.from([0xc1]), Buffer.from("{"),
    Buffer.from([0x93, 0xa1, 0x61]), Buffer.alloc(1000, 0x91),
    Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff])])
    await pub.publish("socket.io-response#/packtchat#", bytes);
  const heard = once(ours[0], "after");
  chat.to(wireRoom).emit("after", 1);
  await heard;
});

[...ours, theirs].forEach((s) => s.disconnect());
node.close();
await Promise.all([pub.quit(), sub.quit()]);
setTimeout(() => process.exit(0), 100);
