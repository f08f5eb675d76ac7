// Tells two servers the same bytes and compares what they answer.
//
// A case is [name, async (talk) => {...}, differs]. It is run against both
// servers; what talk hears is written down, with session ids replaced, and
// the two transcripts have to be equal. differs names an intended difference:
//
//   { why: "the reason, in one line", ours: ["each line", "that we answer"] }
//
// Then ours must have those lines, and Node's must lack one of them; with
// differ: true, it is enough that Node's differ in any way.
import { randomBytes } from "node:crypto";
import { gunzipSync, inflateSync } from "node:zlib";
import { BINARY, CLOSE, frame, Raw, TEXT, told } from "./raw.mjs";
import { assert, sideBySide, test } from "./tap.mjs";

const NOTED = ["content-type", "cache-control", "access-control-allow-origin",
  "access-control-allow-credentials", "access-control-allow-methods",
  "access-control-allow-headers", "vary", "set-cookie", "content-encoding",
  "sec-websocket-extensions", "sec-websocket-version"];

const UNDO = { gzip: gunzipSync, deflate: inflateSync };

export class Talk {
  constructor(port, path = "/socket.io/") {
    this.port = port;
    this.path = path;
    this.lines = [];
    this.sids = [];
    this.raws = [];
    this.sid = "";
  }

  say(line) {
    this.sids.forEach((sid, i) => {
      line = line.replaceAll(sid, i === 0 ? "<sid>" : `<sid ${i + 1}>`);
    });
    this.lines.push(line);
  }

  connect() {
    const raw = new Raw(this.port);
    this.raws.push(raw);
    return raw;
  }

  learn(text) {
    for (const [, message, sid] of text.matchAll(
      /(4?)0(?:\/[^,"]*,)?\{"sid":"([^"]+)"/g)) {
      this.sids.push(sid);
      if (!message) this.sid = sid;
    }
  }

  end() {
    this.raws.forEach((raw) => raw.close());
  }

  // ---- HTTP -----------------------------------------------------------------

  target(query) {
    return query.startsWith("/") ? query : `${this.path}?${query}`;
  }

  // Send a request, on a connection of its own or on raw.
  ask(method, query, { headers = {}, body, raw = this.connect() } = {}) {
    const lines = [`${method} ${this.target(query)} HTTP/1.1`, "Host: h"];
    for (const [name, value] of Object.entries(headers))
      lines.push(`${name}: ${value}`);
    if (body !== undefined && headers["Content-Length"] === undefined)
      lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
    raw.send(`${lines.join("\r\n")}\r\n\r\n`);
    if (body !== undefined) raw.send(body);
    return { raw, method };
  }

  // Write the answer down, behind a word that says whose it is.
  async hear({ raw, method }, whose = method) {
    const answer = await raw.answer(method);
    if (answer === null) {
      this.say(`${whose}: cut off`);
      return null;
    }
    const type = answer.headers["content-type"] ?? "";
    const undo = UNDO[answer.headers["content-encoding"]] ?? ((b) => b);
    const body = undo(answer.body)
      .toString(type.includes("octet") ? "hex" : "utf8");
    this.learn(body);
    this.say(`${whose}: ${answer.status} ${body.length > 2000 ?
      `(${body.length})` : JSON.stringify(body)}`);
    for (const name of NOTED) {
      if (answer.headers[name] !== undefined)
        this.say(`  ${name}: ${answer.headers[name]}`);
    }
    return answer;
  }

  async http(method, query, options) {
    return this.hear(this.ask(method, query, options));
  }

  // What was sent so far has been read, whoever sent it.
  async settled() {
    await this.ask("GET", "/nothing").raw.answer();
  }

  // ---- Engine.IO ------------------------------------------------------------

  async open(query = "EIO=4&transport=polling", options = {}) {
    this.query = query;
    return this.http("GET", query, options);
  }

  session() {
    return `${this.query}&sid=${this.sid}`;
  }

  // A GET that may be parked: hear() it later.
  async poll() {
    const asked = this.ask("GET", this.session());
    await this.settled();
    return asked;
  }

  async post(body, headers = {}) {
    return this.hear(this.ask("POST", this.session(), { body, headers }));
  }

  // ---- WebSocket ------------------------------------------------------------

  async socket(query = "EIO=4&transport=websocket", headers = {}) {
    const raw = this.connect();
    const asked = this.ask("GET", query, { raw, headers: {
      Upgrade: "websocket", Connection: "Upgrade",
      "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
      "Sec-WebSocket-Version": "13", ...headers } });
    const answer = await this.hear(asked, "upgrade");
    const talk = this;
    return { raw, ok: answer?.status === 101,
      send: (...frames) => raw.send(Buffer.concat(frames)),
      text: (text) => raw.send(frame(TEXT, text)),
      binary: (bytes) => raw.send(frame(BINARY, bytes)),
      // write the next frame down
      async hear() {
        const f = await raw.frame();
        talk.learn(told(f));
        talk.say(told(f));
        return f;
      },
      // write down all until the echo of what is sent now, or the end
      async rest(sync = "4sync") {
        raw.send(frame(TEXT, sync));
        for (;;) {
          const f = await raw.frame();
          if (f?.opcode === TEXT && f.payload.toString() === sync) return;
          talk.learn(told(f));
          talk.say(told(f));
          if (f === null) return;
          if (f.opcode === CLOSE) raw.send(frame(CLOSE, f.payload));
        }
      } };
  }

  // A session over polling whose WebSocket has been answered "3probe".
  async probed() {
    await this.open();
    const socket = await this.socket(`EIO=4&transport=websocket&sid=${
      this.sid}`);
    socket.text("2probe");
    await socket.hear();
    return socket;
  }
}

async function transcript(port, run, path) {
  const talk = new Talk(port, path);
  try {
    await run(talk);
    return talk.lines;
  } catch (error) {
    error.message += `; heard so far:\n${talk.lines.join("\n")}`;
    throw error;
  } finally {
    talk.end();
  }
}

// Run each case against both. Prints what differs on purpose, with its reason.
export async function compare(ports, cases, { path, also = "" } = {}) {
  await sideBySide(cases, ([name, run, differs]) => {
    const as = differs === undefined ? "as Node does" : "unlike Node";
    return test(`${name}${also}: ${as}`, async () => {
      const [ours, node] = await Promise.all([ports.ours, ports.node]
        .map((port) => transcript(port, run, path)));
      if (differs === undefined) {
        assert.deepEqual(ours, node);
        return;
      }
      console.log(`# ${name}: ${differs.why}`);
      const lacked = (lines) => differs.ours.filter((line) =>
        !lines.includes(line));
      assert.deepEqual(lacked(ours), [], ours.join("\n"));
      if (differs.differ)
        assert.notDeepEqual(node, ours, "Node answers the same by now");
      else
        assert.notDeepEqual(lacked(node), [], "Node answers the same by now");
    });
  }, 4);
}
