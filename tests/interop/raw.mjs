// HTTP and WebSocket by hand over a TCP socket: any bytes may be sent, and
// what comes back is told byte by byte.
import net from "node:net";

const DEADLINE = 20000;

export class Raw {
  constructor(port, host = "127.0.0.1") {
    this.socket = net.connect(port, host);
    this.bytes = Buffer.alloc(0);
    this.ended = false;
    this.waiting = () => {};
    this.socket.on("data", (part) => {
      this.bytes = Buffer.concat([this.bytes, part]);
      this.waiting();
    });
    for (const event of ["end", "close", "error"])
      this.socket.on(event, () => {
        this.ended = true;
        this.waiting();
      });
  }

  send(bytes) {
    this.socket.write(bytes);
  }

  close() {
    this.socket.destroy();
  }

  // Resolves with what ready() gives once that is not undefined.
  async until(ready, ms = DEADLINE) {
    const end = Date.now() + ms;
    for (;;) {
      const found = ready();
      if (found !== undefined) return found;
      const left = end - Date.now();
      if (left <= 0) throw new Error(`no answer in ${ms} ms`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        this.waiting = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  take(n) {
    const part = this.bytes.subarray(0, n);
    this.bytes = this.bytes.subarray(n);
    return part;
  }

  // ---- HTTP -----------------------------------------------------------------

  // The next answer: {status, headers, body}, or null when there is none.
  async answer(method = "GET") {
    const end = await this.until(() => {
      const at = this.bytes.indexOf("\r\n\r\n");
      return at >= 0 ? at : this.ended ? -1 : undefined;
    });
    if (end < 0) return null;
    const [first, ...lines] = this.take(end + 4).toString("latin1").trimEnd()
      .split("\r\n");
    const headers = {};
    for (const line of lines) {
      const colon = line.indexOf(":");
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const status = Number(first.split(" ")[1]);
    const none = method === "HEAD" || [101, 204, 304].includes(status);
    return { status, headers, body: none ? Buffer.alloc(0) :
      await this.body(headers) };
  }

  async body(headers) {
    if (headers["transfer-encoding"] === "chunked") return this.chunks();
    if (headers["content-length"] === undefined)
      await this.until(() => this.ended || undefined);
    const length = Number(headers["content-length"] ?? this.bytes.length);
    await this.until(() => this.bytes.length >= length || this.ended ||
      undefined);
    return this.take(length);
  }

  async chunks() {
    const parts = [];
    for (;;) {
      const end = await this.until(() => {
        const at = this.bytes.indexOf("\r\n");
        return at >= 0 ? at : this.ended ? -1 : undefined;
      });
      if (end < 0) throw new Error("ended inside of a chunked body");
      const length = parseInt(this.take(end + 2).toString(), 16);
      await this.until(() => this.bytes.length >= length + 2 || this.ended ||
        undefined);
      parts.push(this.take(length));
      this.take(2);
      if (length === 0) return Buffer.concat(parts);
    }
  }

  // ---- WebSocket ------------------------------------------------------------

  // The next frame, or null at the end of the stream.
  async frame(ms) {
    const head = await this.until(() => this.frameHead(), ms);
    if (head === null) return null;
    await this.until(() => this.bytes.length >= head.size + head.length ||
      this.ended || undefined, ms);
    const first = this.bytes[0];
    this.take(head.size);
    return { fin: (first & 0x80) !== 0, rsv: (first >> 4) & 7,
      opcode: first & 15, payload: this.take(head.length) };
  }

  frameHead() {
    const b = this.bytes;
    const short = this.ended ? null : undefined;
    if (b.length < 2) return short;
    const length = b[1] & 0x7f;
    if (length < 126) return { size: 2, length };
    if (length === 126)
      return b.length < 4 ? short : { size: 4, length: b.readUInt16BE(2) };
    return b.length < 10 ? short :
      { size: 10, length: Number(b.readBigUInt64BE(2)) };
  }
}

// A client's frame. mask: false leaves it out, length: claims another one.
export function frame(opcode, payload = "", { fin = true, rsv = 0, mask = true,
  length } = {}) {
  const data = Buffer.from(payload);
  const claimed = length ?? data.length;
  const head = [(fin ? 0x80 : 0) | rsv << 4 | opcode];
  const bit = mask ? 0x80 : 0;
  if (claimed < 126) head.push(bit | claimed);
  else if (claimed < 65536) head.push(bit | 126, claimed >> 8, claimed & 255);
  else {
    const long = Buffer.alloc(8);
    long.writeBigUInt64BE(BigInt(claimed));
    head.push(bit | 127, ...long);
  }
  if (!mask) return Buffer.concat([Buffer.from(head), data]);
  const key = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);
  return Buffer.concat([Buffer.from(head), key,
    data.map((byte, i) => byte ^ key[i % 4])]);
}

export const TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10;

export function closeFrame(code, reason = "") {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return frame(CLOSE, payload);
}

// A frame in words: "text:4hi", "close:1002", "close" (empty), "pong:x".
export function told(f) {
  if (f === null) return "end";
  const rsv = f.rsv ? `rsv${f.rsv} ` : "";
  const names = { 0: "more", 1: "text", 2: "binary", 9: "ping", 10: "pong" };
  if (f.opcode === CLOSE)
    return `${rsv}close${f.payload.length >= 2 ?
      `:${f.payload.readUInt16BE(0)}` : ""}`;
  const payload = f.opcode === BINARY ? f.payload.toString("hex") :
    f.payload.toString();
  const cut = payload.length > 300 ? `${payload.slice(0, 40)}... (${
    payload.length})` : payload;
  return `${rsv}${f.fin ? "" : "part "}${names[f.opcode] ?? f.opcode}:${cut}`;
}
