// The whole site while the Redis server that has its data is killed, and
// another takes its place (tests/sys/failover.sh).
//
//	node failover.mjs BASE PID
//
// PID is that server's.
import { io } from "socket.io-client";
import { newUser, Visitor } from "./site.mjs";
import { assert, test } from "./tap.mjs";

const [base, pid] = process.argv.slice(2);
const ROOM = "lobby", EACH = 10, PATIENCE_MS = 30000;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class Talker {
  said = [];		// what was acknowledged
  lost = [];		// why it was disconnected

  constructor(name, visitor) {
    Object.assign(this, { name, visitor });
    this.socket = io(`${base}/packtchat`, { forceNew: true,
      reconnection: false, extraHeaders: { cookie: visitor.cookie } });
    this.socket.on("disconnect", (reason) => this.lost.push(reason));
  }

  async ask(event, ...args) {
    const answer = await this.socket.timeout(2000).emitWithAck(event, ...args);
    if (answer?.error) throw new Error(answer.error);
    return answer;
  }

  // The same message, under the same id, until it is acknowledged.
  async say(text) {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      try {
        await this.ask("AddChat", { room: ROOM, message: text, id: text });
        this.said.push(text);
        return;
      } catch (error) {
        if (Date.now() > end) throw error;
        await sleep(100);
      }
    }
  }

  async talk(what) {
    for (let n = 0; n < EACH; n++) await this.say(`${this.name} ${what} ${n}`);
  }

  async history() {
    const all = [];
    for (;;) {
      const page = await this.ask("GetChat",
        { room: ROOM, since: all.at(-1)?.id ?? 0 });
      if (page.length === 0) return all;
      all.push(...page);
    }
  }
}

async function until(what, done, ms = PATIENCE_MS) {
  const end = Date.now() + ms;
  while (!(await done())) {
    assert.ok(Date.now() < end, `not in ${ms} ms: ${what()}`);
    await sleep(50);
  }
}

const talkers = [];
for (const name of ["ann", "ben"])
  talkers.push(new Talker(name, await newUser(base, name)));
const [ann, ben] = talkers;

await test("they talk", async () => {
  await until(() => "connected", () =>
    talkers.every((t) => t.socket.connected));
  for (const talker of talkers) await talker.ask("AddRoom", { name: ROOM });
  await Promise.all(talkers.map((t) => t.talk("before")));
});

await sleep(500);	// a replica may be a little behind
process.kill(Number(pid), "SIGKILL");

await test("what is said meanwhile is taken once there is another", () =>
  Promise.all(talkers.map((t) => t.talk("after"))));

await test("pages come, or say that they cannot", async () => {
  const seen = new Set();
  await until(() => [...seen], async () => {
    const { status } = await ann.visitor.get("/chat");
    seen.add(status);
    return status === 200;
  });
  seen.delete(200);
  seen.delete(503);
  assert.deepEqual([...seen], []);
});

await test("nobody was sent away", () =>
  assert.deepEqual(talkers.map((t) => t.lost), [[], []]));

await test("all that was acknowledged is kept, once and in order", async () => {
  const history = await ann.history();
  const of = ({ name }) => history.map((chat) => chat.message)
    .filter((text) => text.startsWith(`${name} `));
  assert.deepEqual(history.map((chat) => chat.id),
    Array.from({ length: 4 * EACH }, (_, i) => i + 1));
  for (const talker of talkers) assert.deepEqual(of(talker), talker.said);
});

await test("accounts are the same, and who logs out is out", async () => {
  const again = new Visitor(base);
  assert.equal((await again.logIn("ann", "correct horse")).status, 303);
  assert.equal((await again.get("/chat")).status, 200);
  await ben.visitor.logOut();
  await until(() => "ben is still there", () => !ben.socket.connected);
  assert.deepEqual(ben.lost, ["io server disconnect"]);
  assert.ok(ann.socket.connected);
});
process.exit(0);
