// examples/echo --allow-eio3 with the official client of Socket.IO 2.
//
//	node echo2.mjs URL
import io from "socket.io-client-2";
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

async function echoed(socket, ...args) {
  const back = once(socket, "message-back", () => true, 20000);
  socket.emit("message", ...args);
  assert.deepEqual(await back, args);
  assert.deepEqual(await new Promise((resolve) =>
    socket.emit("message-with-ack", ...args, (...got) => resolve(got))), args);
}

for (const [way, transports] of Object.entries(ways)) {
  await test(`v2, ${way}: text, data, binary`, async () => {
    const socket = connect("/", { transports });
    assert.deepEqual((await once(socket, "auth"))[0], {});
    assert.equal(socket.id, socket.io.engine.id);
    await echoed(socket, 1, "2", { 3: [4] }, null);
    await echoed(socket, "äöü – 😀 \u2028");
    await echoed(socket, { a: [Buffer.from([0, 255]), { b: Buffer.alloc(0) }] });
    await echoed(socket, Buffer.alloc(200000, 7), "x".repeat(200000));
  });

  await test(`v2, ${way}: a namespace with a query`, async () => {
    const socket = connect("/custom?token=a%20b&n=1", { transports });
    const [auth] = await once(socket, "auth");
    assert.equal(auth.token, "a b");
    assert.equal(auth.n, "1");
    await echoed(socket, "there", Buffer.from("x"));
    const [error] = await once(connect("/nope", { transports }), "error");
    assert.deepEqual(error, { message: "Invalid namespace" });
  });

  await test(`v2, ${way}: it comes back by itself`, async () => {
    const socket = connect("/", { transports, reconnection: true,
      reconnectionDelay: 10, reconnectionDelayMax: 20 });
    await once(socket, "connect");
    const back = once(socket, "reconnect");
    socket.io.engine.close();
    await back;
    await echoed(socket, "again");
    socket.disconnect();
  });
}

await test("v2, polling: thousands of events said at once are one payload",
  async () => {
    const socket = connect("/", { transports: ["polling"] });
    const got = [], n = 5000;
    socket.on("message-back", (i) => got.push(i));
    await once(socket, "connect");
    for (let i = 0; i < n; i++) socket.emit("message", i);
    await new Promise((resolve) => socket.emit("message-with-ack", 1, resolve));
    assert.deepEqual(got, Array.from({ length: n }, (_, i) => i));
  });

await test("v2: thousands of events keep their order over the upgrade",
  async () => {
    const socket = connect();
    const got = [], n = 2000;
    socket.on("message-back", (i) => got.push(i));
    await once(socket, "connect");
    for (let i = 0; i < n; i++) {
      socket.emit("message", i);
      if (i % 100 === 0) await new Promise((next) => setImmediate(next));
    }
    await new Promise((resolve) => socket.emit("message-with-ack", 1, resolve));
    assert.deepEqual(got, Array.from({ length: n }, (_, i) => i));
  });

open.forEach((socket) => socket.disconnect());
setTimeout(() => process.exit(0), 100);
