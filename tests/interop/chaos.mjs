// Writers and readers of a few rooms while somebody kills what they talk to
// (tests/sys/chaos.sh): what each reader gets must be what Redis keeps.
//
//	node chaos.mjs REDIS_SOCKET SECRET LEASE_MS WRITERS READERS PORT...
//
// Says "ready" when all have entered. Then it takes lines on its input:
//	lost	the first worker was killed, and some of its clients do not
//		come back; their rooms must be told so within the lease
//	killed	a worker was; who is in a room must be who is connected
//	end	nobody writes any more; look at everything, and end
// Each reader keeps the number of the last message, as the chat page does: a
// gap, a "Resync" or a reconnect makes it read on from there; but if it was
// recovered, it must have been told all that it missed.
import { createInterface } from "node:readline";
import { createClient } from "redis";
import { io } from "socket.io-client";
import { writeLogin } from "./site.mjs";
import { assert, test } from "./tap.mjs";

const [redisPath, secret, lease, nWriters, nReaders, ...ports] =
  process.argv.slice(2);
const leaseMs = Number(lease);
const ROOMS = ["red", "green", "blue", "white", "black"];
const PATIENCE_MS = 30000;
const redis = createClient({ socket: { path: redisPath,
  reconnectStrategy: () => 100 } });
redis.on("error", () => {});	// it is killed now and then
await redis.connect();

const counts = { acked: 0, retried: 0, live: 0, read: 0, gaps: 0,
  resyncs: 0, reconnects: 0, recovered: 0, faults: [] };
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function fault(text) {
  if (counts.faults.length < 20) counts.faults.push(text);
}

// One who enters a room again after each connection, on whatever worker.
class Member {
  constructor(id, room, cookie, at, stays = true) {
    Object.assign(this, { id, room, at, entered: false, stays });
    this.socket = io(`http://127.0.0.1:${ports[at % ports.length]}/packtchat`,
      { forceNew: true, transports: ["websocket"], reconnection: stays,
        reconnectionDelay: 100, reconnectionDelayMax: 1000,
        extraHeaders: { cookie } });
    this.socket.io.on("reconnect_attempt", () => {
      this.at++;
      this.socket.io.uri =
        `http://127.0.0.1:${ports[this.at % ports.length]}/packtchat`;
    });
    this.socket.on("connect", () => {
      if (this.isIn) {
        counts.recovered++;
        this.entered = true;
      } else {
        this.enter();
      }
    });
    this.socket.on("disconnect", (reason) => {
      this.wasIn = this.entered;
      this.entered = false;
      counts.reconnects++;
      if (reason === "io server disconnect" && stays) this.socket.connect();
    });
    this.socket.on("connect_error", (error) => {
      if (error.data?.retry) setTimeout(() => this.socket.connect(), 500);
      else if (this.socket.active === false && stays)
        fault(`${id} was refused: ${error.message}`);
    });
  }

  // What it missed comes before "connect".
  get isIn() {
    return this.entered || Boolean(this.socket.recovered && this.wasIn);
  }

  async ask(event, ...args) {
    const answer = await this.socket.timeout(4000).emitWithAck(event, ...args);
    if (answer?.error) throw new Error(answer.error);
    return answer;
  }

  async enter() {
    const { id } = this.socket;
    while (this.socket.connected && this.socket.id === id && !this.entered) {
      try {
        await this.ask("AddRoom", { name: this.room });
        if (this.socket.id !== id) return;
        this.entered = true;
        await this.onEntered?.();
      } catch {
        await sleep(200);
      }
    }
  }
}

class Reader extends Member {
  lastId = 0;
  heard = new Map();	// number: text, each once
  live = new Set();	// numbers that came by themselves, this connection
  removed = new Map();	// user: how often it was told to have left

  constructor(...args) {
    super(...args);
    this.socket.on("connect", () => {
      if (!this.socket.recovered) this.live.clear();
    });
    this.socket.on("AddChat", (chat) => this.onChat(chat));
    this.socket.on("Resync", () => { counts.resyncs++; this.readOn(); });
    this.socket.on("RemoveUser", (user) =>
      this.removed.set(user.id, (this.removed.get(user.id) ?? 0) + 1));
  }

  onChat(chat) {
    if (chat.room !== this.room)
      return fault(`${this.id} heard another room`);
    if (this.live.has(chat.id))
      return fault(`${this.id} was told ${chat.id} twice`);
    this.live.add(chat.id);
    if (!this.isIn || chat.id <= this.lastId)
      return this.compare(chat);
    if (chat.id > this.lastId + 1) {
      counts.gaps++;
      return this.readOn();
    }
    counts.live++;
    this.take(chat);
  }

  // What is known already must be the same.
  compare(chat) {
    const had = this.heard.get(chat.id);
    if (had !== undefined && had !== chat.message)
      fault(`${this.id}: ${chat.id} was "${had}", is "${chat.message}"`);
  }

  take(chat) {
    if (chat.id !== this.lastId + 1)
      fault(`${this.id}: ${chat.id} after ${this.lastId}`);
    this.heard.set(chat.id, chat.message);
    this.lastId = chat.id;
  }

  onEntered() {
    return this.readOn();
  }

  async readOn() {
    this.again = true;
    if (this.reading) return;
    this.reading = true;
    try {
      while (this.again) {
        this.again = false;
        for (;;) {
          const chats = await this.ask("GetChat",
            { room: this.room, since: this.lastId });
          for (const chat of chats) {
            if (chat.id <= this.lastId) {
              this.compare(chat);
              continue;
            }
            counts.read++;
            this.take(chat);
          }
          if (chats.length === 0) break;
        }
      }
    } catch {
      if (this.socket.connected) setTimeout(() => this.readOn(), 300);
    } finally {
      this.reading = false;
    }
  }
}

let writing = true;

class Writer extends Member {
  acked = new Map();	// text: number

  async write() {
    for (let n = 0; writing; n++) {
      const text = `${this.id}.${n}`;
      for (let tries = 0; ; tries++) {
        try {
          while (!this.entered) await sleep(50);
          const receipt = await this.ask("AddChat",
            { room: this.room, message: text, id: text });
          this.acked.set(text, receipt.id);
          counts.acked++;
          break;
        } catch {
          if (tries === 0) counts.retried++;
          await sleep(100);
        }
      }
      await sleep(300 + Math.random() * 600);
    }
  }
}

async function until(what, done, ms = PATIENCE_MS) {
  const end = Date.now() + ms;
  while (!(await done())) {
    if (Date.now() > end) throw new Error(`not in ${ms} ms: ${what()}`);
    await sleep(50);
  }
}

// All log in at once: each is a write that must reach the disk.
const roomOf = (i) => ROOMS[i % ROOMS.length];
let next = 0;
async function people(n, letter, make) {
  const ids = Array.from({ length: n }, (_, i) => `${letter}${i}`);
  const sessions = await Promise.all(ids.map((id) =>
    writeLogin(redis, secret, id)));
  return ids.map((id, i) => make(id, roomOf(i), sessions[i].cookie));
}
const readers = await people(Number(nReaders), "r",
  (id, room, cookie) => new Reader(id, room, cookie, next++));
const writers = await people(Number(nWriters), "w",
  (id, room, cookie) => new Writer(id, room, cookie, next++));
// A few on the first worker that will not come back.
const lost = await people(ROOMS.length, "lost",
  (id, room, cookie) => new Member(id, room, cookie, 0, false));
const everyone = [...readers, ...writers, ...lost];
await until(() => `${everyone.filter((m) => !m.entered).length} not in`,
  () => everyone.every((m) => m.entered), 60000);
const allWritten = Promise.all(writers.map((writer) => writer.write()));
console.log("# ready");

// Who was lost with its worker: told once to all who were there the while.
async function lostAreGone() {
  const present = readers.filter((r) => r.entered)
    .map((r) => [r, r.socket.id]);
  const stayed = () => present.filter(([r, id]) => r.socket.id === id)
    .map(([r]) => r);
  const told = (r) => r.removed.get(`lost${ROOMS.indexOf(r.room)}`) ?? 0;
  await until(() => `${stayed().filter(told).length} of ${stayed().length} ` +
    "readers were told", () => stayed().every(told), leaseMs + 5000);
  assert.ok(stayed().length > 0);
  for (const reader of stayed()) assert.equal(told(reader), 1, reader.id);
}

// Within the lease, once all have had the time to come back.
async function membersAreTheLiving() {
  for (const room of ROOMS) {
    let got, wanted;
    await until(() => `${room}: ${got} instead of ${wanted}`, async () => {
      wanted = everyone.filter((m) => m.room === room && m.socket.connected)
        .map((m) => m.id).sort();
      const asker = readers.find((r) => r.room === room && r.entered);
      try {
        got = (await asker.ask("GetUser", { room })).map((u) => u.id).sort();
        const { count } = await asker.ask("GetUser", { room, count: true });
        return got.join() === wanted.join() && count === wanted.length;
      } catch {
        return false;
      }
    }, 2 * leaseMs + 5000);
  }
}

async function stored(room) {
  const entries = await redis.xRange(`tandem:{${room}}:messages`, "-", "+");
  return entries.map(({ id, message }) => ({ id: Number(id.split("-")[0]),
    text: JSON.parse(message.chat).message }));
}

async function look() {
  writing = false;
  await test("every message was acknowledged in the end", () => allWritten,
    { timeout: PATIENCE_MS });
  const kept = new Map();
  for (const room of ROOMS) kept.set(room, await stored(room));

  await test("no acknowledged message is missing, none is kept twice", () => {
    for (const writer of writers) {
      const texts = new Map();
      for (const { id, text } of kept.get(writer.room)) {
        if (!text.startsWith(`${writer.id}.`)) continue;
        assert.ok(!texts.has(text), `${text} is kept twice`);
        texts.set(text, id);
      }
      assert.deepEqual(texts, writer.acked);
    }
  });

  await test("each reader's sequence is the stored one", async () => {
    const last = new Map([...kept].map(([room, list]) =>
      [room, list.at(-1)?.id ?? 0]));
    const behind = () => readers.filter((r) => r.lastId !== last.get(r.room));
    await until(() => behind().slice(0, 5).map((r) => `${r.id} at ${r.lastId}`
      + ` of ${last.get(r.room)}`).join(), () => behind().length === 0);
    for (const reader of readers)
      assert.deepEqual([...reader.heard],
        kept.get(reader.room).map(({ id, text }) => [id, text]), reader.id);
  });

  await test("members of each room are the living sockets' users",
    membersAreTheLiving);

  await test("and nothing was wrong on the way", () => {
    assert.deepEqual(counts.faults, []);
    assert.ok(counts.acked > 0 && counts.live > 0);
    if (process.env.RECOVERY) assert.ok(counts.recovered > nReaders / 4);
  });
  const { faults, ...rest } = counts;
  console.log(`# ${JSON.stringify(rest)}`);
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line === "lost")
    await test("the rooms are told who was lost with a worker", lostAreGone);
  if (line === "killed")
    await test("no ghost stays where a worker was killed", membersAreTheLiving);
  if (line === "end") break;
}
await look();
console.log("# done");
process.exit(0);
