// examples/echo --compress with the official client that offers
// permessage-deflate, and polls by hand that accept gzip or deflate.
//
//	node compression.mjs URL
import { request } from "node:http";
import { deflateSync, gunzipSync, inflateSync } from "node:zlib";
import { io } from "socket.io-client";
import { assert, once, test } from "./tap.mjs";

const [url] = process.argv.slice(2);
const open = [];

async function connected(options) {
  const socket = io(url, { forceNew: true, reconnection: false, ...options });
  open.push(socket);
  await once(socket, "connect");
  return socket;
}

const offers = { transports: ["websocket"], perMessageDeflate: {
  threshold: 0 } };
const wire = (socket) => socket.io.engine.transport.ws;

// Echoes them, and tells the bytes that came for it.
async function echoed(socket, ...args) {
  const before = wire(socket)._socket.bytesRead;
  const back = once(socket, "message-back", () => true, 20000);
  socket.emit("message", ...args);
  assert.deepEqual(await back, args);
  return wire(socket)._socket.bytesRead - before;
}

await test("permessage-deflate is agreed on, without context", async () => {
  const socket = await connected(offers);
  assert.match(wire(socket).extensions, /^permessage-deflate/);
  assert.ok(await echoed(socket, "x".repeat(100000)) < 1000);
  assert.ok(await echoed(socket, "x".repeat(100)) > 100, "a short one is not");
});

await test("compressed: text, binary, nested, acks", async () => {
  const socket = await connected(offers);
  const text = "äöü – 😀 \u2028 ".repeat(1000);
  const bytes = Buffer.from("0123456789".repeat(1000));
  await echoed(socket, text, { a: [1, null, text] });
  assert.ok(await echoed(socket, { a: [bytes, { b: bytes }] }, "z") < 1000);
  await echoed(socket, Buffer.alloc(0), bytes, Buffer.alloc(1));
  assert.deepEqual(await socket.timeout(20000)
    .emitWithAck("message-with-ack", text, bytes), text);
});

await test("compressed: large, and what cannot be made shorter", async () => {
  const socket = await connected(offers);
  const random = deflateSync(Buffer.from(Array.from({ length: 300000 },
    (_, i) => i * i * 7919 >> 5 & 255)));
  await echoed(socket, "x".repeat(900000));
  await echoed(socket, random);
  await echoed(socket, ...Array.from({ length: 10 }, (_, i) =>
    Buffer.alloc(50000, i)));
});

await test("a thousand messages at once come in order", async () => {
  const socket = await connected(offers);
  const got = [];
  const done = new Promise((resolve) => socket.on("message-back", (n) => {
    got.push(n);
    if (got.length === 1000) resolve();
  }));
  for (let i = 0; i < 1000; i++)
    socket.emit("message", i, "y".repeat(i % 3 * 1000));
  await done;
  assert.deepEqual(got, Array.from({ length: 1000 }, (_, i) => i));
});

await test("who offers nothing is sent nothing compressed", async () => {
  const socket = await connected({ ...offers, perMessageDeflate: false });
  assert.equal(wire(socket).extensions, "");
  assert.ok(await echoed(socket, "x".repeat(10000)) > 10000);
});

await test("an upgrade from polling is compressed too", async () => {
  const socket = await connected({ ...offers, transports: ["polling",
    "websocket"] });
  if (socket.io.engine.transport.name !== "websocket")
    await once(socket.io.engine, "upgrade");
  assert.ok(await echoed(socket, "x".repeat(100000)) < 1000);
});

await test("a message that inflates beyond the limit ends it", async () => {
  const socket = await connected(offers);
  const gone = once(socket, "disconnect");
  socket.emit("message", "x".repeat(2000000));
  assert.equal((await gone)[0], "transport close");
  assert.ok(await connected(offers), "the others go on");
});

// ---- Polling ------------------------------------------------------------------

function ask(method, path, { body, accept } = {}) {
  return new Promise((resolve, reject) => {
    const headers = accept === undefined ? {} : { "accept-encoding": accept };
    const asked = request(url + path, { method, headers, agent: false },
      async (response) => resolve({ headers: response.headers,
        status: response.statusCode,
        body: Buffer.concat(await response.toArray()) }));
    asked.on("error", reject);
    asked.end(body);
  });
}

const undo = { gzip: gunzipSync, deflate: inflateSync };

for (const [accept, coding] of [["gzip", "gzip"], ["deflate", "deflate"],
  ["gzip, deflate, br", "gzip"], ["gzip;q=0.1, deflate", "deflate"],
  ["br", undefined], [undefined, undefined]])
  await test(`polling: Accept-Encoding ${accept}`, async () => {
    const base = "/socket.io/?EIO=4&transport=polling";
    const first = await ask("GET", base, { accept });
    assert.equal(first.headers["content-encoding"], undefined, "it is short");
    const { sid } = JSON.parse(first.body.toString().slice(1));
    const path = `${base}&sid=${sid}`;
    await ask("POST", path, { body: "40" });
    await ask("GET", path, { accept });
    const text = `["message","${"grüße ".repeat(500)}"]`;
    await ask("POST", path, { body: `42${text}` });
    const got = await ask("GET", path, { accept });
    assert.equal(got.status, 200);
    assert.equal(got.headers["content-encoding"], coding);
    assert.equal(got.headers.vary, undefined);
    const body = coding ? undo[coding](got.body) : got.body;
    assert.ok(!coding || got.body.length < 300);
    assert.ok(body.toString().endsWith(
      `42${text.replace("message", "message-back")}`));
  });

for (const socket of open) socket.disconnect();
