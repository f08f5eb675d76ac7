// Makes tests/data/sessions.txt: cookies, signatures and session records by
// the real packages, with the clock stopped.
//
//	node session_vectors.mjs >tests/data/sessions.txt
//
// Lines of "kind <tab> field <tab> ...", each field a JSON string; a word
// that stands for an absence is bare.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import session from "express-session";
import { RedisStore } from "connect-redis";

const require = createRequire(import.meta.url);
const inner = createRequire(require.resolve("express-session"));
const cookie = inner("cookie");
const signature = inner("cookie-signature");
const NOW = 1700000001000;
Date.now = () => NOW;
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(NOW);
    else super(...args);
  }
  static now() { return NOW; }
};

const text = (s) => JSON.stringify(s).replace(/[\u007f-\uffff]/g,
  (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
const say = (kind, ...fields) => console.log([kind,
  ...fields.map((f) => f === undefined || f === false ? "none" : text(f))]
  .join("\t"));
function version(path) {
  const parts = path.split("/node_modules/");
  const base = `${parts.slice(0, -1).join("/node_modules/")}/node_modules/` +
    parts.at(-1).split("/")[0];
  return JSON.parse(readFileSync(`${base}/package.json`)).version;
}

console.log(`# By express-session ${version(require.resolve("express-session"))}, ` +
  `connect-redis ${version(require.resolve("connect-redis"))},`);
console.log(`# cookie ${version(inner.resolve("cookie"))}, cookie-signature ` +
  `${version(inner.resolve("cookie-signature"))}; made by tests/interop/session_vectors.mjs.`);
console.log("# sign value secret signed; unsign signed secret value;");
console.log("# cookie header name value; record options sid key value ttl set-cookie");

// ---- Signatures ----
const values = ["hello", "", "0123456789abcdefABCDEF-_xyz01234",
  "é€😀", "a.b.c", "x", "x".repeat(100), "a/b+c=d", "has space", "100%"];
const secrets = ["tobiiscool", "keyboard cat", "sécret", "k".repeat(65),
  "k".repeat(64), "\u0001\u007f"];
for (const value of values)
  for (const secret of secrets)
    say("sign", value, secret, signature.sign(value, secret));
const good = signature.sign("hello", "tobiiscool");
for (const signed of [good, `${good}=`, good.slice(0, -1), ` ${good}`,
  good.replaceAll("+", "-"), good.replace("hello", "Hello"), "hello", "",
  ".", "hello.", `${good}.`, `x.${good}`, good.toUpperCase()])
  say("unsign", signed, "tobiiscool",
    signature.unsign(signed, "tobiiscool"));

// ---- Cookie headers ----
for (const header of ["a=1;  b = 2 ;c= 3", "a=1; a=2", "a;b=1", "=x", "a==b",
  "a=b=c", 'a="q"', 'a="q', 'a=q"', 'a=""', 'a="', 'a="x;y"', 'a=" x "',
  "a=%20b%3D", "a=%E2%82%AC", "a=%zz", "a=%E0%A4", "a=b, c=d", "a b=1",
  ";;;a=1;;", "", ";", "=", "A=1; a=2", "a=+", "a=%2B%2b", "a=1;a", "a\t=\t1",
  "b=1; a=2"]) {
  const map = cookie.parse(header);
  for (const name of ["a", "b", "c", "A", "a b", ""])
    if (Object.hasOwn(map, name) || name === "a")
      say("cookie", header, name, map[name]);
}

// ---- Records, through express-session and connect-redis themselves ----
class Client {
  constructor() { this.said = []; }
  async get() { return null; }
  async set(key, value, options) {
    this.said.push([key, value, options?.expiration?.value ??
      options?.EX ?? 0]);
  }
  async expire() { return 1; }
  async del(keys) { this.said.push([[keys].flat()[0], "", 0]); }
}

function visit(options, sid, act, secure) {
  return new Promise((resolve, reject) => {
    const client = new Client();
    const headers = new Map();
    const middleware = session({ secret: ["keyboard cat", "old-secret"],
      resave: false, saveUninitialized: false, ...options,
      genid: () => sid, store: new RedisStore({ client }) });
    const req = { url: "/", originalUrl: "/", headers: {},
      connection: { encrypted: secure }, secure };
    const res = {
      statusCode: 200, _header: "", headersSent: false,
      getHeader: (name) => headers.get(name.toLowerCase()),
      setHeader: (name, value) => headers.set(name.toLowerCase(), value),
      _implicitHeader() { this.writeHead(200); },
      writeHead() { this._header = "x"; this.headersSent = true; return this; },
      write() { if (!this._header) this.writeHead(200); return true; },
      end() {
        if (!this._header) this.writeHead(200);
        resolve({ said: client.said, cookie: headers.get("set-cookie") });
      },
    };
    middleware(req, res, (error) => {
      if (error) return reject(error);
      act(req.session);
      res.end("ok");
    });
  });
}

const cookies = [
  ["", {}], ["max_age=3600000", { cookie: { maxAge: 3600000 } }],
  ["max_age=1500", { cookie: { maxAge: 1500 } }],
  ["http_only=0;domain=example.com;same_site=strict",
    { cookie: { httpOnly: false, domain: "example.com", sameSite: "strict" } }],
  ["max_age=75000;secure=yes;partitioned=1;priority=high", { cookie: {
    maxAge: 75000, secure: true, partitioned: true, priority: "high" } }],
  ["secure=auto;same_site=auto",
    { cookie: { secure: "auto", sameSite: "auto" } }],
  ["same_site=none;priority=low",
    { cookie: { sameSite: "none", priority: "low" } }],
  ["expires=1700009983500", { cookie: {
    expires: new Date(NOW + 9982500) } }],
  ["name=sid;same_site=lax;priority=medium",
    { name: "sid", cookie: { sameSite: "lax", priority: "medium" } }],
];
const sids = ["0123456789abcdefABCDEF-_xyz01234", "a/b+c=d", "has space",
  "é€", "100%"];
for (const [words, options] of cookies)
  for (const sid of words === "" ? sids : sids.slice(0, 1))
    for (const secure of [false, true]) {
      const { said, cookie: set } = await visit(options, sid, (s) => {
        s.views = 1;
        s.text = "\u2028 \"é€😀\\\u0007";
        s.nested = { a: [1, 0.5, -0, 1e21, null, true], b: {} };
      }, secure);
      const last = said.at(-1) ?? ["", "", 0];
      say("record", words + (secure ? ";line=safe" : ""), sid, last[0],
        last[1], String(last[2]), set === undefined ? undefined :
        [set].flat()[0]);
    }
