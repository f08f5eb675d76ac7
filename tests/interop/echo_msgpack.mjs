// examples/echo --msgpack with the official client and its msgpack parser.
//
//	node echo_msgpack.mjs URL
import { io } from "socket.io-client";
import parser from "socket.io-msgpack-parser";
import { assert, once, test } from "./tap.mjs";

const [url] = process.argv.slice(2);
const open = [];

function connect(path = "/", options = {}) {
  const socket = io(url + path, { forceNew: true, reconnection: false, parser,
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

for (const transports of [["polling"], ["websocket"],
  ["polling", "websocket"]]) {
  const way = `msgpack, ${transports.join(" then ")}`;

  await test(`${way}: text, data, binary`, async () => {
    const socket = connect("/custom", { transports, auth: { a: [1] } });
    assert.deepEqual((await once(socket, "auth"))[0], { a: [1] });
    await echoed(socket);
    await echoed(socket, 1, -1, 300, 70000, 2 ** 40, 1.5, "2", { 3: [4] },
      null, true, "äöü – 😀");
    await echoed(socket, { a: [Buffer.from([0, 255]), { b: Buffer.alloc(0) }] },
      "x".repeat(100000));
  });

  await test(`${way}: refused as the others are`, async () => {
    const socket = connect("/nope", { transports });
    const [error] = await once(socket, "connect_error");
    assert.equal(error.message, "Invalid namespace");
  });
}

await test("msgpack: who speaks JSON is closed", async () => {
  const socket = io(url, { forceNew: true, reconnection: false,
    transports: ["websocket"] });
  open.push(socket);
  await once(socket.io, "close");
  assert.ok(!socket.connected);
});

open.forEach((socket) => socket.disconnect());
setTimeout(() => process.exit(0), 100);
