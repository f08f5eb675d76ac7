// The chat with ws.parser = msgpack and compression on: the official client
// with socket.io-msgpack-parser, through both workers.
//
//	node packed_chat.mjs URL
import { io } from "socket.io-client";
import parser from "socket.io-msgpack-parser";
import { newUser } from "./site.mjs";
import { assert, once, test } from "./tap.mjs";

const [base] = process.argv.slice(2);
const ann = await newUser(base, `packed.${Date.now().toString(36)}`);
const open = [];

function connect(options) {
  const socket = io(`${base}/packtchat`, { forceNew: true, parser,
    reconnection: false, extraHeaders: { cookie: ann.cookie }, ...options });
  open.push(socket);
  return socket;
}

async function connected(options) {
  const socket = connect(options);
  await once(socket, "connect");
  return socket;
}

const ways = {
  deflate: { transports: ["websocket"], perMessageDeflate: { threshold: 0 } },
  plain: { transports: ["websocket"], perMessageDeflate: false },
  polling: { transports: ["polling"] },
};

for (const [way, options] of Object.entries(ways))
  await test(`msgpack, ${way}: greeted, asks, is answered`, async () => {
    const socket = connect(options);
    assert.deepEqual((await once(socket, "message"))[0], { message: "Hey!" });
    socket.emit("GetMe");
    const [me] = await once(socket, "GetMe");
    assert.equal(me.provider, "local");
    const room = `packed ${way}`;
    assert.ok(await socket.emitWithAck("AddRoom", { name: room }));
    const told = once(socket, "AddChat");
    socket.emit("AddChat", { room, message: "grüße 😀" });
    assert.equal((await told)[0].message, "grüße 😀");
  });

await test("one message to a room: compressed for those that asked", async () => {
  const members = [];
  for (let i = 0; i < 9; i++)
    members.push(await connected(Object.values(ways)[i % 3]));
  for (const socket of members)
    await socket.emitWithAck("AddRoom", { name: "packed" });
  const bytes = (socket) => socket.io.engine.transport.ws?._socket.bytesRead;
  const before = members.map(bytes);
  const message = "fan-out ".repeat(500);
  const told = members.map((socket) => once(socket, "AddChat",
    (chat) => chat.room === "packed"));
  members[0].emit("AddChat", { room: "packed", message });
  for (const [chat] of await Promise.all(told))
    assert.equal(chat.message, message);
  members.forEach((socket, i) => {
    const came = bytes(socket) - before[i];
    if (i % 3 === 0) assert.ok(came < 1500, `${came} bytes, compressed`);
    if (i % 3 === 1) assert.ok(came > 4000, `${came} bytes, as it is`);
  });
});

await test("the site's page loads the client of that parser", async () => {
  const page = await (await ann.get("/chat")).text();
  const [, path] = /src="([^"]*socket\.io[^"]*\.js)"/.exec(page);
  assert.match(path, /msgpack/);
  const answer = await fetch(new URL(path, base));
  assert.equal(answer.status, 200);
  assert.match(await answer.text(), /msgpack|Placeholder|notepack/i);
});

await test("who speaks JSON is closed", async () => {
  const socket = connect({ transports: ["websocket"], parser: undefined });
  await once(socket.io, "close");
  assert.ok(!socket.connected);
});

open.forEach((socket) => socket.disconnect());
setTimeout(() => process.exit(0), 100);
