// Connection state recovery of examples/echo --recovery, with the official
// client.
//
//	node recovery.mjs URL WINDOW_MS
import { io } from "socket.io-client";
import { assert, once, test } from "./tap.mjs";

const [url, window] = process.argv.slice(2);

function connect(options) {
  return io(url, { forceNew: true, reconnectionDelay: 50,
    reconnectionDelayMax: 60, randomizationFactor: 0, ...options });
}

for (const transports of [["websocket"], ["polling", "websocket"]]) {
  const way = transports.join(" then ");

  await test(`${way}: a lost session is found again`, async () => {
    const socket = connect({ transports });
    await once(socket, "auth");
    assert.ok(!socket.recovered);
    for (let i = 0; i < 3; i++) {
      const [id, back] = [socket.id, once(socket, "connect")];
      socket.io.engine.close();
      await back;
      assert.ok(socket.recovered, `time ${i}`);
      assert.equal(socket.id, id);
    }
    const got = once(socket, "message-back");
    socket.emit("message", "x");
    assert.equal((await got)[0], "x");
    socket.disconnect();
  });
}

await test("after the window it is another one", async () => {
  const socket = connect({ transports: ["websocket"],
    reconnectionDelay: Number(window) + 200,
    reconnectionDelayMax: Number(window) + 200 });
  await once(socket, "auth");
  const [id, back] = [socket.id, once(socket, "connect")];
  socket.io.engine.close();
  await back;
  assert.ok(!socket.recovered);
  assert.notEqual(socket.id, id);
  socket.disconnect();
});

await test("who leaves on purpose is not expected back", async () => {
  const socket = connect({ transports: ["websocket"] });
  await once(socket, "auth");
  socket.disconnect();
  const back = once(socket, "connect");
  socket.connect();
  await back;
  assert.ok(!socket.recovered);
  socket.disconnect();
});

setTimeout(() => process.exit(0), 100);
