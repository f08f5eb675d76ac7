// What tandemctl sees of an official client, and does to it.
//
//	node control.mjs URL COOKIE SID TANDEMCTL...
//
// SID is the session that the cookie names.
import { execFileSync } from "node:child_process";
import { io } from "socket.io-client";
import { assert, once, silence, test } from "./tap.mjs";

const [base, cookie, sid, command, ...words] = process.argv.slice(2);

const ctl = (...more) => JSON.parse(execFileSync(command,
  [...words, "--json", ...more], { stdio: ["ignore", "pipe", "ignore"] }));

async function come() {
  const socket = io(`${base}/packtchat`, { forceNew: true,
    reconnection: false, transports: ["websocket"],
    extraHeaders: { cookie } });
  await once(socket, "connect");
  return socket;
}

const socket = await come();
const heard = (event) => once(socket, event);

await test("all nodes of the cluster", () => {
  const [{ nodes }] = ctl("nodes");
  assert.equal(nodes.length, 3);
  assert.equal(nodes.filter((node) => node.self).length, 1);
});

await test("a client, and whose it is", () => {
  const all = ctl("clients").flatMap((worker) => worker.clients);
  assert.deepEqual(all.map((c) => [c.id, c.user]), [[socket.id, "w1"]]);
});

await test("all that is known of it, but no secret", () => {
  const found = ctl("client", socket.id).filter((w) => w.client);
  assert.deepEqual(found.map((w) => w.worker), ["c"]);
  assert.equal(found[0].client.id, socket.id);
  assert.ok(!JSON.stringify(found).includes(sid));
  assert.deepEqual(ctl("client", `${socket.id}x`).filter((w) => w.client),
    []);
});

await test("it joins a room, is spoken to, and leaves", async () => {
  const rooms = () => ctl("rooms").flatMap((worker) => worker.rooms)
    .filter((room) => room.room === "side");
  ctl("join", socket.id, "side");
  for (let i = 0; i < 100 && rooms().length === 0; i++);
  assert.deepEqual(rooms(), [{ room: "side", sockets: 1 }]);
  const inside = (room) => ctl("clients", room)
    .flatMap((worker) => worker.clients.map((c) => c.id));
  assert.deepEqual([inside("side"), inside("other")], [[socket.id], []]);
  const word = heard("word");
  ctl("emit", "side", "word", '{"a":[1,"é"]}', "2");
  assert.deepEqual(await word, [{ a: [1, "é"] }, 2]);
  ctl("leave", socket.id, "side");
  for (let i = 0; i < 100 && rooms().length > 0; i++);
  const quiet = silence(socket, "word");
  ctl("emit", "side", "word");
  assert.ok(await quiet);
  const all = heard("word");
  ctl("emit", "*", "word", "null");
  assert.deepEqual(await all, [null]);
});

await test("what is wrong is refused", () => {
  for (const wrong of [["emit", "*", "word", "{"], ["emit", "*", "connect"],
    ["emit", "*", ""], ["emit", "*"], ["disconnect", "room", "side"],
    ["join", socket.id], ["join", socket.id, "side", "other"],
    ["emit", "*", "word", ...Array(40).fill("1")]])
    assert.throws(() => ctl(...wrong), wrong.join(" "));
});

await test("as text: a heading, and a line for each", () => {
  const text = execFileSync(command, [...words, "--worker", "c", "clients"],
    { encoding: "utf8" });
  assert.match(text, /^worker c\nid\tuser\taddress\trooms\n[^\n]*\n$/);
  assert.ok(text.includes(`\n${socket.id}\tw1\t127.0.0.1\t[`));
});

await test("a socket is disconnected", async () => {
  const gone = heard("disconnect");
  ctl("disconnect", "socket", socket.id);
  assert.match((await gone)[0], /server disconnect|transport close/);
});

for (const [kind, which] of [["user", "w1"], ["session", sid]]) {
  await test(`a ${kind} is disconnected, others are not`, async () => {
    const again = await come();
    const quiet = silence(again, "disconnect");
    ctl("disconnect", kind, `${which}x`);
    assert.ok(await quiet);
    const gone = once(again, "disconnect");
    ctl("disconnect", kind, which);
    await gone;
  });
}

process.exit(0);
