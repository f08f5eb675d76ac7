// Clients behind a proxy that knows nothing of sessions and has workers on
// two hosts: each request may have to be forwarded.
//
//	node hosts.mjs URL COOKIE PID
//
// PID is a worker of host h2, to be killed.
import { assert, test } from "./tap.mjs";
import { Client, MESSAGES, ROOM, until } from "./talker.mjs";

const [base, cookie, pid] = process.argv.slice(2);
const clients = [];
const ways = [["polling"], ["websocket"], ["polling", "websocket"]];
const all = (fn) => Promise.all(clients.map(fn));

for (const way of ways) {
  await test(`${way.join(" then ")}: all come in`, async () => {
    for (let i = 0; i < ROOM; i++)
      clients.push(new Client(clients.length, base, cookie, way));
    await all((c) => c.sid ?? c.come());
    if (way.length === 2)
      await until(() => "upgraded", () => clients.slice(-ROOM).every((c) =>
        c.socket.io.engine.transport.name === "websocket"), 15000);
  });
}

await test("everyone hears everyone of the room, in order", async () => {
  await all((c) => c.talk(0));
  await until(() => JSON.stringify(clients.map((c) => c.got)),
    () => clients.every((c) => c.got >= ROOM * MESSAGES));
  assert.deepEqual(clients.flatMap((c) => c.faults), []);
  assert.deepEqual(clients.flatMap((c) => c.lost), []);
});

const on = (host) => clients.filter((c) => c.worker.startsWith(`${host}-`));

await test("both hosts have some", () => {
  assert.ok(on("h1").length > 0 && on("h2").length > 0);
  assert.equal(on("h1").length + on("h2").length, clients.length);
});

await test("a host's worker is killed; its clients are back at once",
  async () => {
    const hit = on("h2");
    process.kill(Number(pid), "SIGKILL");
    await until(() => `${hit.filter((c) => !c.lost.length).length} to lose`,
      () => hit.every((c) => c.lost.length > 0));
    await until(() => "back", () => hit.every((c) => c.socket.connected));
    console.log(`# tries: ${hit.map((c) => c.attempts)}`);
    assert.ok(hit.every((c) => c.attempts === 1));
  });

process.exit(0);
