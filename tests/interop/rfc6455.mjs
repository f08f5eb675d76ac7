// RFC 6455 by a table: frames and handshakes, good and bad, and what has to
// come back; and RFC 7692, on servers that compress. Against engine_echo, and against Node's ws, so that the table
// itself is proven: node rfc6455.mjs ENGINE_ECHO
//
// A row's last part may name what one of them answers instead: ours with the
// reason (libwebsockets decides it, and we cannot reach it), or node.
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { start, startEcho, stop } from "./servers.mjs";
import { BINARY, CLOSE, closeFrame, frame, PING, PONG, Raw, TEXT, told }
  from "./raw.mjs";
import { assert, sideBySide, test } from "./tap.mjs";

const [echo] = process.argv.slice(2);
const LIMIT = 10000;
const text = (payload, options) => frame(TEXT, payload, options);
const more = (payload, options) => frame(0, payload, options);
const bytes = (...list) => Buffer.from(list);
const part = { fin: false };
// What libwebsockets 4.1 decides before anybody else sees it.
const ours = (hears, why) => ({ ours: { hears, why } });
const SILENT = "libwebsockets drops the connection without a close frame";
const NARROW = "libwebsockets knows the codes up to 1011";
const MORE = "4x".repeat(3);
const EURO = Buffer.from("4\u20ac");

// name, frames, what is heard ("|" between; "end": the stream ends after it)
const frames = [
  ["text", [text("4hi")], "text:4hi"],
  ["empty message of text", [text("4")], "text:4"],
  ["binary", [frame(BINARY, bytes(1, 2))], "binary:0102"],
  ["empty binary", [frame(BINARY)], "binary:"],
  ["125 bytes", [text("4".padEnd(125, "x"))], `text:${"4".padEnd(125, "x")}`],
  ["126 bytes: length of 16 bits", [text("4".padEnd(126, "x"))],
    `text:${"4".padEnd(126, "x")}`],
  ["a short length in 16 bits", [Buffer.concat([
    bytes(0x81, 0xfe, 0, 2, 0, 0, 0, 0), Buffer.from("4a")])], "text:4a"],
  ["a short length in 64 bits", [Buffer.concat([
    bytes(0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0),
    Buffer.from("4a")])], "text:4a"],
  ["two pieces", [text("4a", part), more("b")], "text:4ab"],
  ["three pieces, an empty one between", [text("4a", part), more("", part),
    more("b")], "text:4ab"],
  ["pieces that are all empty but the first", [text("4", part),
    more("", part), more("")], "text:4"],
  ["a ping between pieces", [text("4a", part), frame(PING, "p"), more("b")],
    "pong:p|text:4ab", ours("text:4ab|pong:p",
      "libwebsockets sends a pong when the socket is next writable")],
  ["a pong between pieces", [text("4a", part), frame(PONG, "p"), more("b")],
    "text:4ab"],
  ["two messages at once", [text("4a"), text("4b")], "text:4a|text:4b"],
  ["ping", [frame(PING)], "pong:"],
  ["ping with data", [frame(PING, "data")], "pong:data"],
  ["ping of 125 bytes", [frame(PING, "p".repeat(125))],
    `pong:${"p".repeat(125)}`],
  ["three pings at once", [frame(PING, "1"), frame(PING, "2"),
    frame(PING, "3")], "pong:1|pong:2|pong:3", ours("pong:1",
    "libwebsockets keeps one pong, and drops pings until it is sent")],
  ["pong nobody asked for", [frame(PONG, "x")], ""],
  ["UTF-8 split between pieces", [text(EURO.subarray(0, 2), part),
    more(EURO.subarray(2))], "text:4\u20ac"],
  ["the highest code point", [text("4\u{10ffff}")], "text:4\u{10ffff}"],
  ["ping of 126 bytes", [frame(PING, "p".repeat(126))], "close:1002|end",
    ours("end", SILENT)],
  ["ping in pieces", [frame(PING, "p", part)], "close:1002|end"],
  ["close in pieces", [frame(CLOSE, bytes(3, 232), part)], "close:1002|end"],
  ["first reserved bit", [text("4a", { rsv: 4 })], "close:1002|end"],
  ["second reserved bit", [text("4a", { rsv: 2 })], "close:1002|end"],
  ["third reserved bit", [text("4a", { rsv: 1 })], "close:1002|end"],
  ["reserved bit on a ping", [frame(PING, "", { rsv: 4 })],
    "close:1002|end"],
  ["opcode 3", [frame(3, "4a")], "close:1002|end"],
  ["opcode 7", [frame(7, "4a")], "close:1002|end"],
  ["opcode 11", [frame(11, "4a")], "close:1002|end"],
  ["opcode 15", [frame(15, "4a")], "close:1002|end"],
  ["a continuation of nothing", [more("b")], "close:1002|end"],
  ["a continuation after the end", [text("4a"), more("b")],
    "text:4a|close:1002|end"],
  ["a new message inside of one", [text("4a", part), text("4b")],
    "close:1002|end"],
  ["no mask", [text("4a", { mask: false })], "close:1002|end",
    ours("text:4a", "libwebsockets takes them, and shows nobody the mask bit")],
  ["a length of 2^63", [Buffer.concat([bytes(0x82, 0xff, 0x80, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0), Buffer.from(MORE)])], "close:1002|end",
  { node: "close:1009|end", ...ours("end", SILENT) }],
  ["a length of 2^62", [Buffer.concat([bytes(0x82, 0xff, 0x40, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0), Buffer.from(MORE)])], "close:1009|end"],
  ["a byte above the limit", [text("4".padEnd(LIMIT + 1, "x"))],
    "close:1009|end"],
  ["a byte above the limit, in pieces", [text("4".padEnd(LIMIT, "x"), part),
    more("x")], "close:1009|end"],
  ["no UTF-8", [text(bytes(0x34, 0xff))], "close:1007|end"],
  ["overlong UTF-8", [text(bytes(0x34, 0xc0, 0xaf))], "close:1007|end"],
  ["a surrogate in UTF-8", [text(bytes(0x34, 0xed, 0xa0, 0x80))],
    "close:1007|end"],
  ["above the highest code point", [text(bytes(0x34, 0xf4, 0x90, 0x80,
    0x80))], "close:1007|end"],
  ["UTF-8 that ends too early", [text(EURO.subarray(0, 3))],
    "close:1007|end"],
  ["UTF-8 that ends too early, in pieces", [text("4", part),
    more(EURO.subarray(1, 3))], "close:1007|end"],
  ["close", [frame(CLOSE)], "close|end"],
  ["close 1000", [closeFrame(1000)], "close:1000|end"],
  ["close 1000 with a reason", [closeFrame(1000, "bye")], "close:1000|end"],
  ["close 1001", [closeFrame(1001)], "close:1001|end"],
  ["close 1011", [closeFrame(1011)], "close:1011|end"],
  ["close 1012", [closeFrame(1012)], "close:1012|end",
    ours("close:1002|end", NARROW)],
  ["close 1013", [closeFrame(1013)], "close:1013|end",
    ours("close:1002|end", NARROW)],
  ["close 1014", [closeFrame(1014)], "close:1014|end",
    ours("close:1002|end", NARROW)],
  ["close 3000", [closeFrame(3000)], "close:3000|end"],
  ["close 4999", [closeFrame(4999)], "close:4999|end"],
  ["close of one byte", [frame(CLOSE, bytes(3))], "close:1002|end"],
  ["close 999", [closeFrame(999)], "close:1002|end"],
  ["close 1004", [closeFrame(1004)], "close:1002|end"],
  ["close 1005", [closeFrame(1005)], "close:1002|end"],
  ["close 1006", [closeFrame(1006)], "close:1002|end"],
  ["close 1015", [closeFrame(1015)], "close:1002|end"],
  ["close 1016", [closeFrame(1016)], "close:1002|end"],
  ["close 5000", [closeFrame(5000)], "close:1002|end"],
  ["close with a reason that is no UTF-8", [frame(CLOSE,
    bytes(3, 232, 0xff))], "close:1007|end"],
  ["close of 126 bytes", [closeFrame(1000, "x".repeat(124))],
    "close:1002|end", ours("end", SILENT)],
  ["text behind a close", [closeFrame(1000), text("4late")],
    "close:1000|end"],
  ["a ping behind a close", [closeFrame(1000), frame(PING, "late")],
    "close:1000|end"],
];

// name, the request's lines, how the answer begins
const GET = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1";
const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
const version = "Sec-WebSocket-Version: 13";
const upgrade = "Upgrade: websocket";
const connection = "Connection: Upgrade";
const host = "Host: h";
const good = [host, upgrade, connection, key, version];
const without = (line) => good.filter((one) => one !== line);
const handshakes = [
  ["as it should be", [GET, ...good], 101],
  ["names and words in another case", [GET, host, "uPGRADE: WebSocket",
    "cONNECTION: uPGRADE", key, version], 101],
  ["keep-alive beside upgrade", [GET, host, upgrade,
    "Connection: keep-alive, Upgrade", key, version], 101],
  ["headers that nobody knows", [GET, ...good, "X-Other: 1"], 101],
  ["version 8", [GET, ...without(version), "Sec-WebSocket-Version: 8"], 400,
    { node: 101 }],
  ["version 12", [GET, ...without(version), "Sec-WebSocket-Version: 12"],
    400],
  ["version 014", [GET, ...without(version), "Sec-WebSocket-Version: 014"],
    400],
  ["no version", [GET, ...without(version)], 400],
  ["no key", [GET, ...without(key)], 400],
  ["a short key", [GET, ...without(key), "Sec-WebSocket-Key: AAAA"], 400],
  ["a long key", [GET, ...without(key),
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQdGhlIA=="], 400],
  ["a key that is no base64", [GET, ...without(key),
    "Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!=="], 400],
  ["POST", [GET.replace("GET", "POST"), ...good, "Content-Length: 0"], 400],
  ["HTTP/1.0", [GET.replace("1.1", "1.0"), ...good], 400, { node: 101 }],
  ["upgrade to something else", [GET, ...without(upgrade), "Upgrade: foo"],
    400, ours(403, "libwebsockets refuses what is neither h2c nor websocket")],
  ["upgrade to HTTP/2", [GET, ...without(upgrade), "Upgrade: h2c"], 400],
  ["no host", [GET, ...without(host)], 400, { node: 101 }],
  ["no connection header", [GET, ...without(connection)], 400],
  ["a connection that is none", [GET, ...without(connection),
    "Connection: keep-alive, up"], 400],
  ["no upgrade header", [GET, ...without(upgrade)], 400],
  ["a path that is not the engine's", [GET.replace("/socket.io/", "/other/"),
    ...good], 404, { node: null }],
  ["unknown sid", [GET.replace("=websocket", "=websocket&sid=x"), ...good],
    400],
];

// ---- permessage-deflate ------------------------------------------------------

const sync = { finishFlush: constants.Z_SYNC_FLUSH };
const packed = (payload) => deflateRawSync(payload, sync).subarray(0, -4);
const rsv = { rsv: 4 };
const first = { ...rsv, ...part };
const half = packed(`4${"ab".repeat(100)}`);
const offer = "Sec-WebSocket-Extensions: permessage-deflate";
const OPCODE = "libwebsockets shows nobody the bit of a control frame";

// The same as above, once permessage-deflate is agreed on.
const deflated = [
  ["a compressed text", [text(packed("4hi"), rsv)], "text:4hi"],
  ["a compressed binary", [frame(BINARY, packed(bytes(1, 2)), rsv)],
    "binary:0102"],
  ["one that is not", [text("4hi")], "text:4hi"],
  ["one after the other", [text(packed("4a"), rsv), text("4b"),
    text(packed("4c"), rsv)], "text:4a|text:4b|text:4c"],
  ["a long answer is compressed", [text(packed(`4${"x".repeat(2000)}`), rsv)],
    `deflated text:4${"x".repeat(39)}... (2001)`],
  ["a compressed one in pieces", [text(half.subarray(0, 3), first),
    more(half.subarray(3, 5), part), more(half.subarray(5))],
  `text:4${"ab".repeat(100)}`],
  ["a piece for each byte", [text("", first), ...Array.from(half, (_, i) =>
    more(half.subarray(i, i + 1), part)), more("")],
  `text:4${"ab".repeat(100)}`],
  ["a pong between its pieces", [text(half.subarray(0, 3), first),
    frame(PONG, "p"), more(half.subarray(3))], `text:4${"ab".repeat(100)}`],
  ["as long as the limit", [text(packed("4".padEnd(LIMIT, "x")), rsv)],
    `deflated text:4${"x".repeat(39)}... (${LIMIT})`],
  ["a byte above the limit", [text(packed("4".padEnd(LIMIT + 1, "x")), rsv)],
    "close:1009|end"],
  ["a bomb", [text(packed(Buffer.alloc(1 << 23, "4")), rsv)],
    "close:1009|end"],
  ["no deflate", [text(bytes(7), rsv)], "close:1007|end"],
  ["no deflate, in pieces", [text(bytes(0, 5, 0), first), more(bytes(0, 0, 1),
    part), more("x")], "close:1007|end"],
  ["an end within a block", [text(half.subarray(0, 4), rsv)],
    "close:1007|end"],
  ["looks back to the message before", [
    text(bytes(0xf2, 0, 0x11, 0, 0), rsv)], "close:1007|end"],
  ["no UTF-8, compressed", [text(packed(bytes(0x34, 0xff)), rsv)],
    "close:1007|end"],
  ["the bit on a continuation", [text(half.subarray(0, 3), first),
    more(half.subarray(3), rsv)], "close:1002|end"],
  ["the bit on a continuation of what is not", [text("4a", part),
    more("b", rsv)], "close:1002|end"],
  ["the second bit", [text(packed("4a"), { rsv: 2 })], "close:1002|end"],
  ["both bits", [text(packed("4a"), { rsv: 6 })], "close:1002|end"],
  ["the bit on a ping", [frame(PING, "p", rsv)], "close:1002|end",
    ours("pong:p", OPCODE)],
];
const agreements = [
  ["nothing offered", [GET, ...good], 101],
  ["offered", [GET, ...good, offer], 101],
  ["offered with windows", [GET, ...good,
    `${offer}; client_max_window_bits; server_max_window_bits=10`], 101],
  ["offered twice", [GET, ...good,
    `${offer}; client_max_window_bits, permessage-deflate`], 101],
  ["offered in two headers", [GET, ...good, "Sec-WebSocket-Extensions: foo",
    offer], 101],
  ["another extension", [GET, ...good, "Sec-WebSocket-Extensions: foo; a=1"],
    101],
  ["an unknown parameter", [GET, ...good, `${offer}; a`], 400],
  ["a window of 7 bits", [GET, ...good, `${offer}; server_max_window_bits=7`],
    400],
  ["a parameter twice", [GET, ...good,
    `${offer}; client_max_window_bits; client_max_window_bits`], 400],
  ["no end", [GET, ...good, `${offer};`], 400],
  ["a long list of others", [GET, ...good, `Sec-WebSocket-Extensions: ${
    Array(99).fill("foo").join(", ")}`], 101, ours(400,
    "libwebsockets drops the connection for more than 254 bytes of it")],
];

// ---- Running them -----------------------------------------------------------

async function shake(port, lines) {
  const raw = new Raw(port);
  raw.send(`${lines.join("\r\n")}\r\n\r\n`);
  const answer = await raw.answer();
  return { raw, answer };
}

function toldDeflated(f) {
  if (f?.rsv !== 4) return told(f);
  const payload = inflateRawSync(Buffer.concat([f.payload,
    bytes(0, 0, 0xff, 0xff)]), sync);
  return `deflated ${told({ ...f, rsv: 0, payload })}`;
}

// All that is heard until the echo of a last message, or the end.
async function heard(port, list, ...extension) {
  const { raw } = await shake(port, [GET, ...good, ...extension]);
  const lines = [];
  let late = 1;		// a pong may come behind the first echo
  await raw.frame();
  raw.send(Buffer.concat(list));
  raw.send(text("4sync"));
  for (;;) {
    const line = toldDeflated(await raw.frame());
    if (line === "text:4sync") {
      if (late-- === 0) break;
      raw.send(text("4sync"));
      continue;
    }
    lines.push(line);
    if (line === "end") break;
    if (line.startsWith("close") && !list.some((f) => (f[0] & 15) === CLOSE))
      raw.send(frame(CLOSE, bytes(3, 232)));
  }
  raw.close();
  return lines.join("|");
}

// Side by side: after some faults a server waits seconds for our close.
const checkFrames = (who, port, table, ...extension) =>
  sideBySide(table, ([name, list, want, unlike = {}]) =>
    test(`${who}: ${name}`, async () => {
      if (unlike[who]?.why) console.log(`# ${name}: ${unlike[who].why}`);
      assert.equal(await heard(port, list, ...extension),
        unlike[who]?.hears ?? unlike[who] ?? want);
    }));

const checkHandshakes = (who, port, table) =>
  sideBySide(table, ([name, lines, want, unlike = {}]) =>
    test(`${who}: handshake: ${name}`, async () => {
      const status = who in unlike ? unlike[who] : want;
      if (status?.why) console.log(`# ${name}: ${status.why}`);
      if (status === null) return;
      const { raw, answer } = await shake(port, lines);
      assert.equal(answer === null ? "end" : answer.status,
        status.hears ?? status);
      if (status === 101)
        assert.equal(answer.headers["sec-websocket-accept"],
          "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
      raw.close();
    }));

const startNode = (options) => start("node",
  new URL("engine_server.mjs", import.meta.url).pathname,
  JSON.stringify({ maxHttpBufferSize: LIMIT, ...options }));
const perMessageDeflate = { serverNoContextTakeover: true,
  clientNoContextTakeover: true, threshold: 1024 };
const limit = ["--max-payload", String(LIMIT)];
const [oursPlain, oursDeflating, nodePlain, nodeDeflating] =
  await Promise.all([startEcho(echo, ...limit),
    startEcho(echo, "--compress", ...limit), startNode({}),
    startNode({ perMessageDeflate })]);
console.log(`# frames: ${frames.length} and ${deflated.length}, ` +
  `handshakes: ${handshakes.length} and ${agreements.length}`);
await Promise.all([["node", nodePlain, nodeDeflating],
  ["ours", oursPlain, oursDeflating]].flatMap(([who, plain, deflating]) => [
  checkFrames(who, plain, frames), checkHandshakes(who, plain, handshakes),
  checkFrames(who, deflating, deflated, offer),
  checkHandshakes(who, deflating, agreements)]));
await test("engine_echo ends when asked", async () => {
  assert.ok(await stop());
});
