// The same Engine.IO bytes, good and bad, to Node's engine.io and to
// engine_echo: node differential_engine.mjs ENGINE_ECHO
import { start, startEcho, stop } from "./servers.mjs";
import { compare } from "./differential.mjs";
import { closeFrame, CLOSE, frame, PING, PONG, TEXT } from "./raw.mjs";
import { assert, test } from "./tap.mjs";

const [echo] = process.argv.slice(2);
const P = "EIO=4&transport=polling";
const W = "EIO=4&transport=websocket";
const SLOW = { pingInterval: 60000, pingTimeout: 60000 };
const TOGETHER = "Node answers a parked poll with the first message alone; " +
  "here those of one turn go together";
const EVIL = { Origin: "https://evil.example" };

// Servers alike: options of engine.io, and the command line of engine_echo.
async function pair(options, args) {
  const [ours, node] = await Promise.all([
    startEcho(echo, "--ping-interval", "60000", "--ping-timeout", "60000",
      ...args),
    start("node", new URL("engine_server.mjs", import.meta.url).pathname,
      JSON.stringify({ ...SLOW, ...options }))]);
  return { ours, node };
}

// One request without a session.
const request = (method, query, options) => (t) =>
  t.http(method, query, options);
// A POST while a poll is parked, then the next request.
const posted = (body, headers) => async (t) => {
  await t.open();
  const poll = await t.poll();
  await t.post(body, headers);
  await t.hear(poll, "poll");
  if (t.lines.at(-1) !== "") await t.http("POST", t.session(), { body: "3" });
};
const socket = (...frames) => async (t) => {
  const s = await t.socket();
  await s.hear();
  s.send(...frames);
  await s.rest();
};
const text = (payload, options) => frame(TEXT, payload, options);

// ---- Requests ---------------------------------------------------------------

const requests = [
  ["no transport", request("GET", "EIO=4")],
  ["unknown transport", request("GET", "EIO=4&transport=flash")],
  ["a name that objects have", request("GET", "EIO=4&transport=constructor")],
  ["webtransport", request("GET", "EIO=4&transport=webtransport")],
  ["unknown sid", request("GET", `${P}&sid=x`)],
  ["a sid that objects have", request("GET", `${P}&sid=__proto__`)],
  ["unknown sid, POST", request("POST", `${P}&sid=x`, { body: "4a" })],
  ["unknown sid on a socket", (t) => t.socket(`${W}&sid=x`)],
  ["handshake", request("GET", P)],
  ["an empty sid is none", request("GET", `${P}&sid=`)],
  ["handshake by POST", request("POST", P, { body: "" })],
  ["handshake by PUT", request("PUT", P, { body: "" })],
  ["handshake by DELETE", request("DELETE", P)],
  ["handshake by HEAD", request("HEAD", P)],
  ["handshake by OPTIONS", request("OPTIONS", P)],
  ["websocket without an upgrade", request("GET", W)],
  ["polling with an upgrade", (t) => t.socket(P), {
    why: "Node begins a session that nobody can use, and leaves the socket " +
      "hanging; it is refused", ours: ["upgrade: 400 \"Bad request\"",
      "  content-type: text/html"] }],
  ["protocol 3", request("GET", "EIO=3&transport=polling")],
  ["no protocol", request("GET", "transport=polling")],
  ["protocol 3 on a socket", (t) => t.socket("EIO=3&transport=websocket"), {
    why: "Node says 101 first and ends the socket then; it is refused before",
    ours: ['upgrade: 400 "Unsupported protocol version"'] }],
  ["protocol 5", request("GET", "EIO=5&transport=polling")],
  ["the last of two counts", request("GET",
    "EIO=3&EIO=4&transport=flash&transport=polling")],
  ["encoded query", request("GET", "%45IO=%34&transport=%70olling")],
  ["empty parameters", request("GET", "&EIO=4&&transport=polling&")],
  ["an empty one before the sid", request("GET", `${P}&&sid=x`)],
  ["more behind the path", request("GET", `/socket.io/foo?${P}`)],
  ["no slash behind the path", request("GET", `/socket.io?${P}`)],
  ["no transport on a socket", (t) => t.socket("EIO=4")],
  ["foreign origin", request("GET", P, { headers: EVIL }), {
    why: "pages of other sites are refused unless configured; Node leaves " +
      "that to allowRequest", ours: [
      'GET: 403 "{\\"code\\":4,\\"message\\":\\"Forbidden\\"}"',
      "  content-type: application/json"] }],
  ["foreign origin on a socket", (t) => t.socket(W, EVIL), {
    why: "the same for WebSocket", ours: ["upgrade: 400 \"Forbidden\"",
      "  content-type: text/html"] }],
];

// ---- Sessions on polling ----------------------------------------------------

const polling = [
  ["text", posted("4hello")],
  ["unicode", posted("4h\u00e9 \u20ac \u{1f600}")],
  ["empty message", posted("4")],
  ["binary", posted("bAQIDBA==")],
  ["empty binary", posted("b")],
  ["several", posted("4a\x1ebQg==\x1e4c"), { why: TOGETHER,
    ours: ['poll: 200 "4a\\u001ebQg==\\u001e4c"'] }],
  ["bare base64", posted("bAQIDBA")],
  ["base64 of the URL alphabet", posted("b-_8")],
  ["noop, open and upgrade, then text", posted("6\x1e0\x1e5\x1e4a")],
  ["pong, then text", posted("3probe\x1e4a")],
  ["close", posted("1")],
  ["close ends the payload", posted("4a\x1e1\x1e4b"), {
    why: "Node answers the poll with the first message before it sees the " +
      "close; here the close is all that is told",
    ours: ['poll: 200 "6"'] }],
  ["ping", posted("2")],
  ["unknown digit", posted("7")],
  ["no packet", posted("abc")],
  ["empty body", posted("")],
  ["an empty packet between two", posted("4\x1e\x1e4b"), {
    why: "the same with a parse error", ours: ['poll: 200 "1"'] }],
  ["bad base64", posted("b$$$"), {
    why: "Node ignores characters that are not base64; here they are a " +
      "parse error", ours: ['poll: 200 "1"'] }],
  ["another content type", posted("4a", { "Content-Type": "image/png" })],
  ["octet-stream", posted("4a", { "Content-Type":
    "application/octet-stream" })],
  ["what waits comes in one payload", async (t) => {
    await t.open();
    await t.post("4a\x1e4b");
    await t.post("bAQID");
    await t.http("GET", t.session());
  }],
  ["two polls", async (t) => {
    await t.open();
    const first = await t.poll();
    await t.hear(await t.poll(), "second");
    await t.hear(first, "first");
    await t.http("GET", t.session());
  }],
  ["two posts", async (t) => {
    await t.open();
    const first = t.ask("POST", t.session(), { headers:
      { "Content-Length": "5" }, body: "4a" });
    await t.settled();
    await t.post("4b");
    await t.hear(first, "first");
    await t.http("GET", t.session());
  }],
  ["a poll that is given up", async (t) => {
    await t.open();
    (await t.poll()).raw.close();
    await t.settled();
    await t.settled();
    await t.http("GET", t.session());
  }],
  ["a post that is given up", async (t) => {
    await t.open();
    const post = t.ask("POST", t.session(), { headers:
      { "Content-Length": "5" }, body: "4a" });
    await t.settled();
    post.raw.close();
    await t.settled();
    await t.settled();
    await t.http("GET", t.session());
  }],
  ["the limit of a body", async (t) => {
    await t.open();
    await t.post(`4${"x".repeat(9999)}`);
    await t.http("GET", t.session());
  }],
  ["one byte more", async (t) => {
    await t.open();
    await t.post(`4${"x".repeat(10000)}`);
    await t.post("4still here");
    await t.http("GET", t.session());
  }],
  ["the limit counts bytes", async (t) => {
    await t.open();
    await t.post(`4${"\u20ac".repeat(3333)}`);
    await t.post(`4${"\u20ac".repeat(3334)}`);
  }],
  ["PUT on a session", async (t) => {
    await t.open();
    await t.http("PUT", t.session(), { body: "" });
    await t.post("4still here");
  }],
  ["DELETE on a session", async (t) => {
    await t.open();
    await t.http("DELETE", t.session());
  }],
  ["protocol 3 on a session of 4", async (t) => {
    await t.open();
    await t.http("GET", `EIO=3&transport=polling&sid=${t.sid}`);
  }],
  ["websocket's name without an upgrade", async (t) => {
    await t.open();
    await t.http("GET", `${W}&sid=${t.sid}`);
  }],
  ["closed by the server, told to the poll", async (t) => {
    await t.open();
    const poll = await t.poll();
    await t.post("4please close");
    await t.hear(poll, "poll");
    await t.http("GET", t.session());
  }],
  ["closed by the server, told to the next poll", async (t) => {
    await t.open();
    await t.post("4please close");
    await t.http("GET", t.session());
    await t.http("GET", t.session());
  }],
  ["closed by the server behind a message", async (t) => {
    await t.open();
    await t.post("4a\x1e4please close\x1e4b");
    await t.http("GET", t.session());
    await t.http("GET", t.session());
    await t.http("GET", t.session());
  }],
];

// ---- Sessions on WebSocket --------------------------------------------------

const sockets = [
  ["echo", socket(text("4hi"))],
  ["unicode on a socket", socket(text("4h\u00e9 \u20ac \u{1f600}"))],
  ["binary on a socket", socket(frame(2, Buffer.from([1, 2, 3])))],
  ["empty binary on a socket", socket(frame(2, ""))],
  ["base64 on a socket", socket(text("bAQID"))],
  ["pieces with a ping between", socket(text("4a", { fin: false }),
    frame(0, "", { fin: false }), frame(PING, "p"), frame(0, "b")), {
    why: "libwebsockets sends a pong when the socket is next writable, so a " +
      "message of the same turn may leave first", ours: ["text:4ab", "pong:p"],
    differ: true }],
  ["noop, open, upgrade, pong", socket(text("6"), text("0"), text("5"),
    text("3"))],
  ["ping on a socket", socket(text("2"))],
  ["probe on a socket", socket(text("2probe"))],
  ["unknown digit on a socket", socket(text("7"))],
  ["empty text on a socket", socket(text(""))],
  ["close packet on a socket", async (t) => {
    const s = await t.socket();
    await s.hear();
    s.text("1");
    await s.rest();
  }, { why: "Node ignores it until the ping times out; here it closes at " +
    "once", ours: ["upgrade: 101 \"\"", 'text:0{"sid":"<sid>","upgrades":[],' +
    '"pingInterval":60000,"pingTimeout":60000,"maxPayload":10000}', "close",
    "end"] }],
  ["closed by the server on a socket", socket(text("4please close"))],
  ["the limit of a message", socket(text(`4${"x".repeat(9999)}`))],
  ["one byte more in a frame", socket(text(`4${"x".repeat(10000)}`))],
  ["one byte more in pieces", socket(text(`4${"x".repeat(5000)}`,
    { fin: false }), frame(0, "x".repeat(5000)))],
  ["a length that is too long", socket(text("4", { length: 20000 }))],
  ["no UTF-8", socket(frame(TEXT, Buffer.from([0x34, 0xff])))],
  ["a reserved bit", socket(text("4a", { rsv: 4 }))],
  ["a reserved opcode", socket(frame(3, "4a"))],
  ["close is answered", socket(closeFrame(1000))],
  ["empty close is answered", socket(frame(CLOSE))],
  ["a pong nobody asked for", socket(frame(PONG, "x"))],
];

// ---- Upgrades ---------------------------------------------------------------

const upgrades = [
  ["upgrade", async (t) => {
    const s = await t.probed();
    const poll = await t.poll();
    await t.hear(poll, "poll");
    s.text("5");
    await s.rest();
    await t.http("GET", t.session());
    await t.post("4late");
  }],
  ["messages cross the upgrade", async (t) => {
    const s = await t.probed();
    await t.post("4one\x1e4two");
    s.text("5");
    s.text("4three");
    await s.hear();
    await s.hear();
    await s.hear();
    await s.rest();
  }],
  ["messages go on by polling while it is probed", async (t) => {
    const s = await t.probed();
    await t.post("4a");
    await t.http("GET", t.session());
    s.raw.close();
    await t.post("4b");
    await t.http("GET", t.session());
  }],
  ["upgrade without a probe", async (t) => {
    await t.open();
    const s = await t.socket(`${W}&sid=${t.sid}`);
    s.text("5");
    await s.rest();
  }],
  ["a probe that says something else", async (t) => {
    await t.open();
    const s = await t.socket(`${W}&sid=${t.sid}`);
    s.text("4hello");
    await s.rest();
    await t.post("4still here");
    await t.http("GET", t.session());
  }],
  ["a second socket", async (t) => {
    const s = await t.probed();
    const second = await t.socket(`${W}&sid=${t.sid}`);
    await second.rest();
    s.text("5");
    await s.rest();
  }],
  ["a socket for an upgraded session", async (t) => {
    const s = await t.probed();
    s.text("5");
    await s.rest();
    const second = await t.socket(`${W}&sid=${t.sid}`);
    await second.rest();
    s.text("4still here");
    await s.rest();
  }],
  ["a socket of protocol 3 for a session of 4", async (t) => {
    await t.open();
    await t.socket(`EIO=3&transport=websocket&sid=${t.sid}`);
  }],
  ["a session that ends while it is probed", async (t) => {
    const s = await t.probed();
    await t.post("1");
    await s.rest();
  }],
  ["closed by the server while it is probed", async (t) => {
    const s = await t.probed();
    await t.post("4a\x1e4please close");
    s.text("5");
    await s.rest();
  }],
];

// ---- CORS -------------------------------------------------------------------

const SITE = { Origin: "https://site.example" };
const asks = { ...SITE, "Access-Control-Request-Method": "POST",
  "Access-Control-Request-Headers": "content-type,x-one" };
const cors = [
  ["a configured origin", request("GET", P, { headers: SITE })],
  ["on an error", request("GET", "EIO=4", { headers: SITE })],
  ["on a post", async (t) => {
    await t.open(P, { headers: SITE });
    await t.post("4a", SITE);
  }],
  ["preflight", request("OPTIONS", P, { headers: asks })],
  ["preflight without wishes", request("OPTIONS", P, { headers: SITE })],
  ["another origin", request("GET", P, { headers: EVIL }), {
    why: "Node answers and leaves the browser to refuse; here the handshake " +
      "is refused", ours: [
      'GET: 403 "{\\"code\\":4,\\"message\\":\\"Forbidden\\"}"',
      "  content-type: application/json", "  vary: Origin"] }],
  ["preflight of another origin", request("OPTIONS", P, { headers: EVIL })],
  ["a socket of a configured origin", (t) => t.socket(W, SITE), {
    why: "libwebsockets writes the 101 itself; browsers ask for no CORS on a " +
      "WebSocket", ours: ['upgrade: 101 ""'], differ: true }],
];

// ---- Protocol 3 -------------------------------------------------------------

const P3 = "EIO=3&transport=polling", W3 = "EIO=3&transport=websocket";
const BYTES = { "Content-Type": "application/octet-stream" };
const posted3 = (body, headers, query = P3) => async (t) => {
  await t.open(query);
  const poll = await t.poll();
  await t.post(body, headers);
  await t.hear(poll, "poll");
  await t.http("POST", t.session(), { body: "1:2" });
};
const socket3 = (...frames) => async (t) => {
  const s = await t.socket(W3);
  await s.hear();
  s.send(...frames);
  await s.rest();
};
const protocol3 = [
  ["handshake", request("GET", P3)],
  ["no protocol", request("GET", "transport=polling")],
  ["text", posted3("6:4hello")],
  ["lengths are of UTF-16", posted3("6:4h\u00e9\u20ac\u{1f600}")],
  ["two", posted3("2:4a2:4b"), { why: TOGETHER,
    ours: ['poll: 200 "2:4a2:4b"'] }],
  ["ping", posted3("1:2")],
  ["ping with data", posted3("6:2probe")],
  ["pong", posted3("1:3")],
  ["close", posted3("1:1")],
  ["unknown digit", posted3("1:7")],
  ["no length", posted3("abc")],
  ["empty body", posted3("")],
  ["wrong length", posted3("9:4a")],
  ["binary", posted3(Buffer.from("\x01\x04\xff\x04\x01\x02\x03", "latin1"),
    BYTES)],
  ["text in bytes", posted3(Buffer.from("\x00\x04\xff4\xe2\x82\xac",
    "latin1"), BYTES)],
  ["base64", posted3("6:b4AQID")],
  ["base64 for who asks", posted3("6:b4AQID", {}, `${P3}&b64=1`)],
  ["protocol 4 on a session of 3", async (t) => {
    await t.open(P3);
    await t.http("GET", `${P}&sid=${t.sid}`);
  }],
  ["closed by the server", async (t) => {
    await t.open(P3);
    await t.post("13:4please close");
    await t.http("GET", t.session());
  }],
  ["on a socket", socket3(text("4hi"), frame(2, Buffer.from([4, 1, 2])))],
  ["ping on a socket", socket3(text("2"), text("2abc"))],
  ["pong on a socket", socket3(text("3"))],
  ["base64 on a socket", socket3(text("b4AQID"))],
  ["upgrade", async (t) => {
    await t.open(P3);
    const s = await t.socket(`${W3}&sid=${t.sid}`);
    s.text("2probe");
    await s.hear();
    await t.hear(await t.poll(), "poll");
    s.text("5");
    s.binary(Buffer.from([4, 9]));
    await s.rest();
  }],
];

const without = { serverNoContextTakeover: true,
  clientNoContextTakeover: true, threshold: 1024 };
const [plain, ofSite, greeting, slashless, ofProtocol3, compressing] =
  await Promise.all([
    pair({ maxHttpBufferSize: 10000 }, ["--max-payload", "10000"]),
    pair({ cors: { origin: ["https://site.example"], credentials: true } },
      ["--origin", "https://site.example"]),
    pair({ cookie: true, initialPacket: "first" },
      ["--cookie", "io", "--initial-packet", "first"]),
    pair({ addTrailingSlash: false }, ["--no-trailing-slash"]),
    pair({ allowEIO3: true }, ["--eio3"]),
    pair({ perMessageDeflate: without, httpCompression: { threshold: 1024 } },
      ["--compress"]),
  ]);
for (const cases of [requests, polling, sockets, upgrades])
  await compare(plain, cases);
await compare(ofSite, cors, { also: " with CORS" });
// ---- Options ----------------------------------------------------------------

const COOKIE = { "X-Forwarded-Proto": "http" };
await compare(greeting, [
  ["the cookie comes once", async (t) => {
    await t.open(P, { headers: COOKIE });
    await t.post("4a");
    await t.http("GET", t.session());
  }],
  ["on a socket, the first packets", async (t) => {
    const s = await t.socket();
    await s.rest();
  }],
  ["no cookie on an error", request("GET", "EIO=4")],
], { also: " with cookie and initial packet" });
await compare(slashless, [
  ["no slash", request("GET", `/socket.io?${P}`)],
  ["a slash all the same", request("GET", `/socket.io/?${P}`)],
  ["more", request("GET", `/socket.iox?${P}`)],
], { also: " without a slash behind the path" });
await compare(ofProtocol3, protocol3, { also: " of protocol 3" });

// ---- Compression --------------------------------------------------------------

const LONG = "grüße ".repeat(300);
const polledWith = (accept, body = LONG) => async (t) => {
  await t.open();
  await t.post(`4${body}`);
  await t.http("GET", t.session(), { headers: accept === null ? {} :
    { "Accept-Encoding": accept } });
};
const offered = (extensions) => async (t) => {
  const s = await t.socket(W, { "Sec-WebSocket-Extensions": extensions });
  if (!s.ok) return;
  await s.hear();
  s.text("4short");
  await s.hear();
};
await compare(compressing, [
  ["gzip", polledWith("gzip")],
  ["deflate", polledWith("deflate")],
  ["what browsers accept", polledWith("gzip, deflate, br, zstd")],
  ["deflate rather", polledWith("gzip;q=0.5, deflate;q=0.9")],
  ["anything", polledWith("*")],
  ["nothing", polledWith("gzip;q=0, *;q=0")],
  ["nothing known", polledWith("br")],
  ["no word of it", polledWith(null)],
  ["1023 bytes", polledWith("gzip", "x".repeat(1022))],
  ["1024 bytes", polledWith("gzip", "x".repeat(1023))],
  ["an open packet", request("GET", P, { headers: {
    "Accept-Encoding": "gzip" } })],
  ["offered", offered("permessage-deflate")],
  ["as browsers offer it",
    offered("permessage-deflate; client_max_window_bits")],
  ["with windows", offered("permessage-deflate; server_no_context_takeover; " +
    "client_no_context_takeover; server_max_window_bits=12; " +
    "client_max_window_bits=11")],
  ["two offers", offered("permessage-deflate; server_no_context_takeover; " +
    "client_no_context_takeover; server_max_window_bits=9, " +
    "permessage-deflate; client_max_window_bits=9")],
  ["something else offered", offered("x-webkit-deflate-frame")],
  ["a bad offer", offered("permessage-deflate; unknown")],
  ["a malformed one", offered("permessage-deflate; =")],
], { also: " with compression" });

await test("engine_echo ends when asked", async () => {
  assert.ok(await stop());
});
