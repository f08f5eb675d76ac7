// Polling clients that talk in rooms, behind a proxy that sends each request
// to the next worker, whoever's it is; then one worker is killed.
//
//	node workers.mjs URL COOKIE CLIENTS STATS-COMMAND...
//
// The command prints what tandemctl --json stats does.
import { execFileSync } from "node:child_process";
import { assert, test } from "./tap.mjs";
import { Client, MESSAGES, ROOM, until } from "./talker.mjs";

const [base, cookie, count, command, ...words] = process.argv.slice(2);
const clients = [];

function stats() {
  return JSON.parse(execFileSync(command, words));
}

function total(part, name) {
  return stats().reduce((n, worker) => n + worker.counts[part][name], 0);
}

const all = (fn) => Promise.all(clients.map(fn));
const lost = () => clients.filter((c) => c.lost.length > 0);
const long = { timeout: 300000 };

await test(`${count} clients come in`, async () => {
  for (let i = 0; i < Number(count); i++) {
    clients.push(new Client(i, base, cookie));
    if (i % 50 === 49) await all((c) => c.sid ?? c.come());
  }
  await all((c) => c.sid ?? c.come());
  const workers = new Set(clients.map((c) => c.worker));
  assert.ok(workers.size >= 3, [...workers].join());
}, long);

await test("everyone hears everyone of the room, in order", async () => {
  await all((c) => c.talk(0));
  await until(() => JSON.stringify(clients.map((c) => c.got)),
    () => clients.every((c) => c.got >= ROOM * MESSAGES));
  assert.deepEqual(clients.flatMap((c) => c.faults), []);
}, long);

await test("most requests came to a wrong worker", () => {
  const handed = total("host", "handed_over");
  console.log(`# handed over: ${handed} of ${total("host", "accepted")}`);
  assert.ok(handed > count * MESSAGES);
  assert.equal(total("host", "adopted"), handed);
});

await test("no session was unknown, no connection lost", () => {
  assert.equal(total("engine", "refused_sid"), 0);
  assert.equal(total("host", "handover_failed"), 0);
  assert.deepEqual(lost().map((c) => c.lost), []);
});

const victim = clients[0].worker;
const [hit, spared] = [true, false].map((is) =>
  clients.filter((c) => (c.worker === victim) === is));

await test(`worker ${victim} is killed; its clients are back at once`,
  async () => {
    const before = stats().find((w) => w.worker === victim).pid;
    const talking = Promise.all(spared.map((c) => c.talk(MESSAGES)));
    process.kill(before, "SIGKILL");
    await until(() => `${hit.filter((c) => c.lost.length === 0).length} lost`,
      () => hit.every((c) => c.lost.length > 0));
    await until(() => "connected again",
      () => hit.every((c) => c.socket.connected));
    const tries = hit.map((c) => c.attempts);
    console.log(`# ${hit.length} clients hit, ${
      tries.filter((n) => n > 1).length} needed more than one try`);
    assert.ok(tries.every((n) => n === 1), tries.join());
    await talking;
    await until(() => "started again", () => stats().some((w) =>
      w.worker === victim && w.pid !== before));
  }, long);

await test("the others noticed nothing", async () => {
  assert.deepEqual(spared.flatMap((c) => c.lost), []);
  // of those who stayed each has heard all that those who stayed said
  const stayed = new Set(spared.map((c) => c.number));
  await until(() => "all that was said", () => spared.every((c) =>
    [...c.heard].every(([from, last]) => !stayed.has(from) ||
      last === 2 * MESSAGES - 1)));
  assert.deepEqual(spared.flatMap((c) => c.faults), []);
}, long);

process.exit(0);
