// The same Socket.IO packets, good and bad, to Node's socket.io and to
// examples/echo: node differential_socket.mjs ECHO
import { freePort, start, startAt, stop } from "./servers.mjs";
import { compare } from "./differential.mjs";
import { told } from "./raw.mjs";
import { assert, test } from "./tap.mjs";

const [echo] = process.argv.slice(2);
const RELAYED = "JSON is relayed as it came, not read and written again";
const STRICT = "JSON is read strictly";
const SYNC = ["4299[\"message-with-ack\",\"sync\"]", "4399[\"sync\"]"];

// Write down all that comes before the answer to what is sent now.
async function rest(t, s) {
  s.text(SYNC[0]);
  for (;;) {
    const f = await s.raw.frame();
    if (f !== null && f.payload.toString() === SYNC[1]) return;
    t.learn(told(f));
    t.say(told(f));
    if (f === null || f.opcode === 8) return;
  }
}

// Packets after the engine's handshake; text is text, a Buffer is bytes.
async function say(s, packets) {
  for (const packet of packets) {
    if (typeof packet === "string") s.text(packet);
    else s.binary(packet);
  }
}

// How many answers are waited for is given, since nothing need be joined.
const first = (n, ...packets) => async (t) => {
  const s = await t.socket();
  await s.hear();
  await say(s, packets);
  for (let i = 0; i < n; i++) await s.hear();
};

const joined = (...packets) => async (t) => {
  const s = await t.socket();
  await s.hear();
  s.text("40");
  await s.hear();
  await s.hear();
  await say(s, packets);
  await rest(t, s);
};

const connecting = [
  ["nothing", first(2, "40")],
  ["auth", first(2, '40{"token":"x","n":[1,null]}')],
  ["/ by name", first(2, "40/")],
  ["/ by name and comma", first(2, "40/,")],
  ["/custom", first(2, "40/custom,")],
  ["/custom without comma", first(2, "40/custom")],
  ["/custom with auth", first(2, '40/custom,{"a":1}')],
  ["a name with braces", first(1, '40/custom{"a":1}')],
  ["a name with a query", first(1, "40/custom?x=1,")],
  ["an unknown name", first(1, "40/nope,")],
  ["an unknown name of objects", first(1, "40__proto__")],
  ["an id", first(2, "407")],
  ["auth is an array", first(1, "40[1]")],
  ["auth is text", first(1, '40"x"')],
  ["auth is null", first(1, "40null")],
  ["auth is cut off", first(1, '40{"a":')],
  ["both", first(4, "40", "40/custom,")],
  ["an event first", first(1, '42["message",1]')],
  ["an ack first", first(1, "431[]")],
  ["leaving first", first(1, "41")],
  ["an event to another", joined('42/custom,["message",1]')],
  ["twice", joined("40")],
];

const events = [
  ["no arguments", joined('42["message"]')],
  ["some", joined('42["message",1,"2",{"a":[null,true,-1.5]}]')],
  ["unicode", joined('42["message","äöü – 😀 \u2028"]')],
  ["half a surrogate", joined('42["message","\\ud800"]')],
  ["two, in order", joined('42["message",1]', '42["message",2]')],
  ["a name nobody hears", joined('42["nobody"]')],
  ["a number for a name", joined("42[5]")],
  ["error", joined('42["error",1]')],
  ["connection", joined('42["connection",1]')],
  ["__proto__", joined('42["__proto__",1]')],
  ["no payload", joined("42")],
  ["an ack", joined('4212["message-with-ack",1,"2"]')],
  ["an ack numbered 0", joined('420["message-with-ack"]')],
  ["an unknown ack", joined('439["x"]')],
  ["an ack without payload", joined("439")],
  ["an ack without number", joined('43["x"]')],
  ["escapes", joined('42["message","\\u00e9"]'), { why: RELAYED,
    ours: ['text:42["message-back","\\u00e9"]'] }],
  ["a number's form", joined('42["message",1.0]'), { why: RELAYED,
    ours: ['text:42["message-back",1.0]'] }],
  ["white space", joined('42["message", 1 ]')],
  ["a key twice", joined('42["message",{"a":1,"a":2}]'), { why: STRICT,
    differ: true, ours: [] }],
  ["a hundred deep", joined(`42["message",${"[".repeat(100)}${
    "]".repeat(100)}]`), { why: "depth is limited", differ: true, ours: [] }],
  ["an ack past 64 bits", joined('4299999999999999999999["message-with-ack"]'),
    { why: "an id that cannot be kept is refused", differ: true, ours: [] }],
  ["a name of 200 characters", joined(`42["${"x".repeat(200)}"]`),
    { why: "names are limited", differ: true, ours: [] }],
];

const bad = ["49", "4", "47", "42[\"a\"", "42{}", '42"x"', "42[]", "42[null]",
  "42[true]", "42[{}]", '42["connect"]', '42["connect_error"]',
  '42["disconnect"]', '42["disconnecting"]', '42["newListener"]',
  '42["removeListener"]', '44{"message":"x"}', '44"x"', "44", "41/custom,",
  "41{}", "43{}", '43/nope,1[]', '45["a"]', '450-["a"]', '45a-["a"]',
  '451.5-["a"]', '45-1-["a"]', '4511-["a"]', '451-{}', '451-["disconnect"]',
].map((packet) => [packet, joined(packet)]);

const hole = (num) => `{"_placeholder":true,"num":${num}}`;
const bytes = Buffer.from([0, 1, 255]);
const binary = [
  ["one", joined(`451-["message",${hole(0)}]`, bytes)],
  ["empty", joined(`451-["message",${hole(0)}]`, Buffer.alloc(0))],
  ["two, nested", joined(`452-["message",{"a":[${hole(0)}]},${hole(1)}]`,
    bytes, Buffer.from("x"))],
  ["with an ack", joined(`451-7["message-with-ack",${hole(0)}]`, bytes)],
  ["an unknown binary ack", joined(`461-9[${hole(0)}]`, bytes)],
  ["pong between", joined(`451-["message",${hole(0)}]`, "3", bytes)],
  ["text between", joined(`451-["message",${hole(0)}]`, '42["message"]')],
  ["a stray one", joined(bytes)],
  ["a number out of range", joined(`451-["message",${hole(1)}]`, bytes)],
  ["a number that is text", joined(`451-["message",${hole('"0"')}]`, bytes)],
  ["a plain placeholder", joined(`42["message",${hole(0)}]`)],
  ["to what was not joined", joined(`451-/custom,["message",${hole(0)}]`,
    bytes)],
  ["the same twice", joined(`451-["message",${hole(0)},${hole(0)}]`, bytes),
    { why: RELAYED, differ: true, ours: [] }],
  ["one that nothing stands for", joined('451-["message",1]', bytes),
    { why: RELAYED, differ: true, ours: [] }],
];

// One by one: a CONNECT is answered before more is said, as Node wants it.
const stepwise = (...steps) => async (t) => {
  const s = await t.socket();
  await s.hear();
  for (const [packet, n] of steps) {
    s.text(packet);
    for (let i = 0; i < n; i++) await s.hear();
  }
};

const leaving = [
  ["and coming back", stepwise(["40", 2], ["41", 0], ["40", 2])],
  ["one of two", stepwise(["40", 2], ["40/custom,", 2], ["41/custom,", 0],
    ['42["message",1]', 1], ['42/custom,["message",1]', 1])],
  ["and speaking", stepwise(["40", 2], ["41", 0], ['42["message",1]', 1])],
  ["twice", stepwise(["40", 2], ["41", 0], ["41", 1])],
];

const port = await freePort();
const ports = {
  ours: await startAt(port, echo, "--port", String(port), "--ping-interval",
    "60000", "--ping-timeout", "60000"),
  node: await start("node", new URL("socket_server.mjs", import.meta.url)
    .pathname, JSON.stringify({ pingInterval: 60000, pingTimeout: 60000 })),
};
for (const [what, cases] of Object.entries({ connecting, events, bad, binary,
  leaving }))
  await compare(ports, cases, { also: ` (${what})` });

await test("echo ends when asked", async () => {
  assert.ok(await stop());
});
process.exit(0);
