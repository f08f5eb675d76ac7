// The official engine.io clients, of protocol 4 and 3, against engine_echo:
// node engine_client.mjs ENGINE_ECHO
import { createRequire } from "node:module";
import { Socket } from "engine.io-client";
import { startEcho, stop } from "./servers.mjs";
import { assert, once, test } from "./tap.mjs";

// Socket.IO 2's client brings the engine's client of its time.
const require = createRequire(import.meta.url);
const inside = createRequire(require.resolve("socket.io-client-2"));
const old = inside("engine.io-client");

const [echo] = process.argv.slice(2);
const port = await startEcho(echo, "--eio3", "--ping-interval", "400",
  "--ping-timeout", "20000");
const other = await startEcho(echo, "--ping-interval", "60000");
const MANY = 4000;
const path = "/socket.io/";
const clients = {
  "protocol 4": (options) => new Socket(`ws://127.0.0.1:${port}`,
    { path, ...options }),
  "protocol 3": (options) => old(`ws://127.0.0.1:${port}`,
    { path, ...options }),
};
const ways = [["polling"], ["websocket"], ["polling", "websocket"]];

async function opened(client, options) {
  const socket = client(options);
  await once(socket, "open", undefined, 20000);
  return socket;
}

async function back(socket, message) {
  const answer = once(socket, "message", undefined, 20000);
  socket.send(message);
  return (await answer)[0] ?? "";	// both give nothing for an empty text
}

const buffer = (data) => Buffer.from(data instanceof ArrayBuffer ?
  new Uint8Array(data) : data);

for (const [protocol, client] of Object.entries(clients)) {
  for (const transports of ways) {
    const way = `${protocol}, ${transports.join(" then ")}`;

    await test(`${way}: text, unicode, nothing, binary, and large ones`,
      async () => {
        const socket = await opened(client, { transports });
        for (const text of ["hello", "h\u00e9 \u20ac \u{1f600} \u0000 \u001e",
          "", "x".repeat(300000), "\u{1f600}".repeat(50000)]) {
          // what the separator would cut is no text for protocol 4's polling
          const sent = protocol === "protocol 4" ?
            text.replaceAll("\u001e", "") : text;
          assert.equal(await back(socket, sent), sent);
        }
        for (const bytes of [Buffer.from([1, 2, 3, 255]), Buffer.alloc(0),
          Buffer.alloc(200000, 7)])
          assert.ok(buffer(await back(socket, bytes)).equals(bytes));
        socket.close();
      });

    await test(`${way}: ${MANY} rapid messages keep their order`, async () => {
      const socket = client({ transports });
      const got = [], names = new Set();
      const all = new Promise((resolve) => socket.on("message", (data) => {
        got.push(typeof data === "string" ? Number(data) :
          buffer(data).readUInt32BE(0));
        names.add(socket.transport.name);
        if (got.length === MANY) resolve();
      }));
      await once(socket, "open", undefined, 20000);
      for (let n = 0; n < MANY; n++) {
        const bytes = Buffer.alloc(4);
        bytes.writeUInt32BE(n);
        socket.send(n % 10 === 9 ? bytes : String(n));
        if (n % 50 === 49) await new Promise((done) => setTimeout(done, 2));
      }
      await all;
      assert.deepEqual(got, [...Array(MANY).keys()]);
      if (transports.length === 2) {
        if (socket.transport.name !== "websocket")
          await once(socket, "upgrade", undefined, 20000);
        assert.equal(socket.transport.name, "websocket");
        assert.ok(names.size === 2, `all came by ${[...names]}`);
      }
      socket.close();
    });

    await test(`${way}: the server closes`, async () => {
      const socket = await opened(client, { transports });
      const closed = once(socket, "close", undefined, 20000);
      socket.send("please close");
      await closed;
    });
  }

  await test(`${protocol}: lives through several heartbeats`, async () => {
    const socket = await opened(client, { transports: ["polling"] });
    const beat = protocol === "protocol 4" ? "ping" : "pong";
    for (let n = 0; n < 3; n++) await once(socket, beat, undefined, 20000);
    assert.equal(await back(socket, "alive"), "alive");
    socket.close();
  });
}

await test("protocol 3, base64 alone", async () => {
  for (const transports of ways) {
    const socket = await opened(clients["protocol 3"],
      { transports, forceBase64: true });
    const bytes = Buffer.from([0, 1, 2, 255]);
    assert.ok(buffer(await back(socket, bytes)).equals(bytes));
    socket.close();
  }
});

await test("protocol 3 is refused where it is not allowed", async () => {
  for (const transports of ways) {
    const socket = old(`ws://127.0.0.1:${other}`, { path, transports });
    await once(socket, "error", undefined, 20000);
    socket.close();
  }
});

await test("engine_echo ends when asked", async () => {
  assert.ok(await stop());
});
process.exit(0);
