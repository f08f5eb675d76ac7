// examples/echo with the official clients, over each transport.
//
//	node echo.mjs URL
import { io } from "socket.io-client";
import { assert, once, test } from "./tap.mjs";

const [url] = process.argv.slice(2);
const open = [];
const ways = { polling: ["polling"], websocket: ["websocket"],
  upgrade: ["polling", "websocket"] };

function connect(path = "/", options = {}) {
  const socket = io(url + path, { forceNew: true, reconnection: false,
    ...options });
  open.push(socket);
  return socket;
}

async function connected(path, options) {
  const socket = connect(path, options);
  await once(socket, "connect");
  return socket;
}

async function echoed(socket, ...args) {
  const back = once(socket, "message-back", () => true, 20000);
  socket.emit("message", ...args);
  assert.deepEqual(await back, args);
  assert.deepEqual(await new Promise((resolve) =>
    socket.emit("message-with-ack", ...args, (...got) => resolve(got))), args);
}

for (const [way, transports] of Object.entries(ways)) {
  await test(`${way}: auth is told, in both namespaces`, async () => {
    for (const path of ["/", "/custom"]) {
      const auth = { token: "grüße", n: [1, { a: null }] };
      const socket = connect(path, { transports, auth });
      assert.deepEqual((await once(socket, "auth"))[0], auth);
      const bare = connect(path, { transports });
      assert.deepEqual((await once(bare, "auth"))[0], {});
    }
  });

  await test(`${way}: text and data come back as they went`, async () => {
    const socket = await connected("/", { transports });
    await echoed(socket);
    await echoed(socket, 1, "2", { 3: [4] }, null, true, 1.5e300, -0.25);
    await echoed(socket, "äöü – 😀 \u2028 \u0007 \ud800 \"\\", "");
    await echoed(socket, { __proto__x: 1, "": [[[]]], deep: { a: { b: {} } } });
    await echoed(await connected("/custom", { transports }), "there");
  });

  await test(`${way}: binary, nested, empty, ten of them`, async () => {
    const socket = await connected("/", { transports });
    const bytes = Buffer.from([0, 1, 2, 254, 255]);
    await echoed(socket, bytes);
    await echoed(socket, { a: [bytes, { b: Buffer.from("x") }], c: 1 }, "z");
    await echoed(socket, Buffer.alloc(0), Buffer.alloc(1));
    await echoed(socket, ...Array.from({ length: 10 }, (_, i) =>
      Buffer.alloc(1000, i)));
  });

  await test(`${way}: large payloads`, async () => {
    const socket = await connected("/", { transports });
    await echoed(socket, "x".repeat(400000));
    await echoed(socket, Buffer.alloc(400000, 7));
  });

  await test(`${way}: an unknown namespace is refused`, async () => {
    const [error] = await once(connect("/nope", { transports }),
      "connect_error");
    assert.equal(error.message, "Invalid namespace");
  });

  await test(`${way}: several namespaces on one connection`, async () => {
    const root = await connected("/", { transports });
    const custom = root.io.socket("/custom");
    await once(custom, "connect");
    assert.notEqual(root.id, custom.id);
    await echoed(custom, 1);
    custom.disconnect();
    await echoed(root, 2);
    custom.connect();
    await once(custom, "connect");
    await echoed(custom, 3);
  });

  await test(`${way}: it comes back by itself`, async () => {
    const socket = await connected("/", { transports, reconnection: true,
      reconnectionDelay: 10, reconnectionDelayMax: 20 });
    const [id, back] = [socket.id, once(socket, "connect")];
    socket.io.engine.close();
    await back;
    assert.notEqual(socket.id, id);
    await echoed(socket, "again");
    socket.disconnect();
  });
}

await test("polling: thousands of events said at once are one payload", async () => {
  const socket = await connected("/", { transports: ["polling"] });
  const got = [], n = 5000;
  socket.on("message-back", (i) => got.push(i));
  for (let i = 0; i < n; i++) socket.emit("message", i);
  assert.equal(await socket.timeout(30000)
    .emitWithAck("message-with-ack", n), n);
  assert.deepEqual(got, Array.from({ length: n }, (_, i) => i));
});

await test("thousands of events keep their order over the upgrade", async () => {
  const socket = connect();
  const got = [], n = 3000;
  socket.on("message-back", (i) => got.push(i));
  for (let i = 0; i < n; i++) {
    socket.emit("message", i);
    if (i % 100 === 0) await new Promise((next) => setImmediate(next));
  }
  const acked = await socket.timeout(30000).emitWithAck("message-with-ack", n);
  assert.equal(acked, n);
  assert.deepEqual(got, Array.from({ length: n }, (_, i) => i));
  assert.equal(socket.io.engine.transport.name, "websocket");
});

await test("what is left open at the end of the tests still answers", () =>
  Promise.all(open.filter((s) => s.connected).map((s) => echoed(s, "bye"))));

open.forEach((socket) => socket.disconnect());
setTimeout(() => process.exit(0), 100);
