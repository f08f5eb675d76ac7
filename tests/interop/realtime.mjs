// The chat's events with the official client, over each transport.
//
//	node realtime.mjs URL SECRET
import { io } from "socket.io-client";
import { assert, once, silence, test } from "./tap.mjs";
import { newUser, sign, Visitor } from "./site.mjs";

const [base, secret] = process.argv.slice(2);
const tag = Date.now().toString(36);
const open = [];

function connect(visitor, options = {}) {
  const socket = io(`${base}/packtchat`, {
    forceNew: true,
    reconnection: false,
    extraHeaders: visitor?.cookie ? { cookie: visitor.cookie } : {},
    ...options,
  });
  open.push(socket);
  return socket;
}

async function connected(visitor, options) {
  const socket = connect(visitor, options);
  await once(socket, "connect");
  return socket;
}

async function refusal(visitor, options) {
  const [error] = await once(connect(visitor, options), "connect_error");
  return error.message;
}

const ann = await newUser(base, `ann.${tag}`);
const ben = await newUser(base, `ben.${tag}`);

for (const transports of [["polling"], ["websocket"],
  ["polling", "websocket"]]) {
  const way = transports.join(" then ");

  await test(`${way}: greeted, then told who one is`, async () => {
    const socket = connect(ann, { transports });
    const got = [];
    socket.on("message", (message) => got.push(message));
    while (got.length < 2) await once(socket, "message");
    const [hello, me] = got;
    assert.deepEqual(hello, { message: "Hey!" });
    assert.equal(me.displayName, `ann.${tag}`);
    assert.equal(me.provider, "local");
  });

  await test(`${way}: GetMe answers the sender`, async () => {
    const socket = await connected(ann, { transports });
    socket.emit("GetMe");
    const [me] = await once(socket, "GetMe");
    assert.equal(me.displayName, `ann.${tag}`);
  });

  await test(`${way}: refused without a session`, async () => {
    assert.equal(await refusal(null, { transports }), "Not Authenticated");
  });

  await test(`${way}: a message reaches both`, async () => {
    const room = `r-${way}-${tag}`;
    const a = await connected(ann, { transports });
    const b = await connected(ben, { transports });
    await a.emitWithAck("AddRoom", { name: room });
    const joined = once(a, "AddUser");
    await b.emitWithAck("AddRoom", { name: room });
    assert.equal((await joined)[0].displayName, `ben.${tag}`);
    const both = [once(a, "AddChat"), once(b, "AddChat")];
    a.emit("AddChat", { room, message: "grüß ‹dich› 😀" });
    for (const [chat] of await Promise.all(both)) {
      assert.equal(chat.message, "grüß ‹dich› 😀");
      assert.equal(chat.room, room);
      assert.equal(chat.user.displayName, `ann.${tag}`);
      assert.ok(Number.isFinite(new Date(chat.date).getTime()));
    }
    a.disconnect();
    b.disconnect();
  });
}

await test("upgrades from polling to websocket", async () => {
  const socket = await connected(ann);
  if (socket.io.engine.transport.name !== "websocket")
    await once(socket.io.engine, "upgrade");
  assert.equal(socket.io.engine.transport.name, "websocket");
  assert.equal((await socket.emitWithAck("GetMe")).displayName, `ann.${tag}`);
});

await test("a cookie signed with another secret is refused", async () => {
  const forger = new Visitor(base);
  const sid = decodeURIComponent(ann.cookie.split("=")[1]).slice(2)
    .split(".")[0];
  forger.cookie = `connect.sid=${sign(sid, "another secret entirely")}`;
  assert.equal(await refusal(forger), "Not Authenticated");
});

await test("a well signed cookie of an unknown session is refused", async () => {
  const guesser = new Visitor(base);
  guesser.cookie = `connect.sid=${sign("A".repeat(32), secret)}`;
  assert.equal(await refusal(guesser), "Not Authenticated");
});

await test("a namespace that is not there is refused", async () => {
  const socket = io(`${base}/nowhere`, { forceNew: true,
    reconnection: false, extraHeaders: { cookie: ann.cookie } });
  open.push(socket);
  const [error] = await once(socket, "connect_error");
  assert.equal(error.message, "Invalid namespace");
});

await test("what is empty is answered with []", async () => {
  const room = `empty-${tag}`;
  const socket = await connected(ann);
  socket.emit("GetChat", { room });
  assert.deepEqual((await once(socket, "GetChat"))[0], []);
  assert.deepEqual(await socket.emitWithAck("GetChat", { room }), []);
});

await test("the history and the members of a room", async () => {
  const room = `history-${tag}`;
  const a = await connected(ann);
  const b = await connected(ben);
  const heard = once(b, "AddRoom", (r) => r.name === room);
  a.emit("AddRoom", { name: room });
  assert.deepEqual((await heard)[0], { name: room });
  for (let n = 0; n < 5; n++)
    await a.emitWithAck("AddChat", { room, message: `number ${n}` });
  await b.emitWithAck("AddRoom", { name: room });
  const chats = await b.emitWithAck("GetChat", { room });
  assert.deepEqual(chats.map((c) => c.message),
    [0, 1, 2, 3, 4].map((n) => `number ${n}`));
  const users = await b.emitWithAck("GetUser", { room });
  assert.deepEqual(users.map((u) => u.displayName).sort(),
    [`ann.${tag}`, `ben.${tag}`]);
  const rooms = await b.emitWithAck("GetRoom");
  assert.ok(rooms.some((r) => r.name === room));
  const left = once(b, "RemoveUser");
  a.disconnect();
  assert.equal((await left)[0].displayName, `ann.${tag}`);
});

await test("who is not in a room cannot speak there", async () => {
  const room = `private-${tag}`;
  const a = await connected(ann);
  const b = await connected(ben);
  await a.emitWithAck("AddRoom", { name: room });
  const quiet = silence(a, "AddChat");
  const answer = await b.emitWithAck("AddChat", { room, message: "psst" });
  assert.ok(answer.error);
  assert.ok(await quiet);
});

await test("a retry with the same id takes effect once", async () => {
  const room = `retry-${tag}`;
  const socket = await connected(ann);
  await socket.emitWithAck("AddRoom", { name: room });
  const draft = { room, message: "once", id: "m1" };
  const [first, second] = [await socket.emitWithAck("AddChat", draft),
    await socket.emitWithAck("AddChat", draft)];
  assert.deepEqual(second, first);
  assert.equal((await socket.emitWithAck("GetChat", { room })).length, 1);
});

await test("wrong arguments are answered, and nothing falls over", async () => {
  const socket = await connected(ann);
  for (const [event, ...args] of [["AddChat"], ["AddChat", null],
    ["AddChat", { room: 7 }], ["AddRoom", { name: "\u0007" }],
    ["AddRoom", { name: "x".repeat(100000) }], ["GetUser"], ["GetChat", []],
    ["GetChat", { room: {} }]]) {
    const answer = await socket.emitWithAck(event, ...args);
    assert.ok(answer.error, `${event} ${JSON.stringify(args)}`);
  }
  assert.equal((await socket.emitWithAck("GetMe")).displayName, `ann.${tag}`);
});

await test("messages keep their order across the upgrade", async () => {
  const room = `order-${tag}`;
  const a = await connected(ann, { transports: ["websocket"] });
  await a.emitWithAck("AddRoom", { name: room });
  const b = connect(ben);
  const got = [];
  b.on("AddChat", (chat) => got.push(Number(chat.message)));
  await once(b, "connect");
  b.emit("AddRoom", { name: room });
  await once(a, "AddUser");
  for (let n = 0; n < 500; n++)
    a.emit("AddChat", { room, message: String(n) });
  while (got.length < 500) await once(b, "AddChat");
  assert.deepEqual(got, [...got].sort((x, y) => x - y));
});

await test("logging out closes the socket", async () => {
  const cat = await newUser(base, `cat.${tag}`);
  const socket = await connected(cat);
  const closed = once(socket, "disconnect");
  const answer = await cat.logOut();
  assert.ok([302, 303].includes(answer.status), `status ${answer.status}`);
  await closed;
  assert.equal(await refusal(cat), "Not Authenticated");
});

open.forEach((socket) => socket.disconnect());
setTimeout(() => process.exit(0), 200);
