// Makes tests/data/*.tsv with the npm packages that Express is built on; the
// tests of src/web read them. Run from the folder that has node_modules:
//
//	node vectors.mjs .../tests/data
//
// What is written is described in tests/vectors.h.
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";

const require = createRequire(import.meta.url);
const folder = process.argv[2] ?? ".";

// A field as tests/vectors.c reads it.
function field(value) {
  if (value === undefined || value === null) return "\\-";
  return [...Buffer.from(String(value), "utf8")].map((byte) => {
    if (byte === 0x5c) return "\\\\";
    if (byte === 0x09) return "\\t";
    if (byte === 0x0a) return "\\n";
    if (byte === 0x0d) return "\\r";
    if (byte >= 0x20 && byte < 0x7f) return String.fromCharCode(byte);
    return `\\x${byte.toString(16).padStart(2, "0")}`;
  }).join("");
}

// From the file, which not every package lets one require.
const versionOf = (name) => JSON.parse(readFileSync(new URL(
  `node_modules/${name}/package.json`, import.meta.url))).version;

function write(name, packages, columns, rows) {
  const made = packages.map((p) =>
    `${p} ${versionOf(p)}`).join(", ");
  writeFileSync(`${folder}/${name}.tsv`,
    `# Made by tests/interop/vectors.mjs with ${made || "Node itself"}.\n` +
    `# ${columns}\n` +
    rows.map((row) => row.map(field).join("\t") + "\n").join(""));
  console.log(`${name}: ${rows.length}`);
}

// ---- path-to-regexp ---------------------------------------------------------

function patterns() {
  const { match } = require("path-to-regexp");
  const texts = ["/", "/a", "/a/b", "/a/", "/:id", "/u/:id", "/u/:id/edit",
    "/:from-:to", "/:a.:b", "/:a-:b-:c", "/u/:id.json", "/:a-x-:b", "/*path",
    "/f/*path", "/f-*path", "/*a/x/*b", "/*a-:b", "/:a-*b", "/*path/edit",
    "/:x/*y/:z", "/{:lang}", "{/:lang}/about", "/a{/:b}", "/a{/:b{/:c}}",
    "/a{/:b}{/:c}", "/f{.:ext}", "/:name{.:ext}", "/a{b}c", "/files{/*path}",
    "/x{/y}/:z", "/\\:id", "/a\\{b\\}", '/:"a b"', '/:"id"x', "/:$a/:_b",
    "/:a/:b/:c", "/caf\u00e9/:x", "/*p.:e", "/:a--:b", "/*x/*y", "*rest",
    "/:a:b", "/*a*b", "/:", "/*", "/a{", "/a}", "/a(b)", "/a?", "/a+", "/a!",
    "/[a]", "/a\\", '/:"a', "/:1a", "/a{:b}:c"];
  const paths = ["/", "/a", "/A", "/a/", "/a//", "/a/b", "/a/b/", "/a/b/c",
    "/a/b/c/d", "/ab", "/abc", "/u/7", "/U/7", "/u/", "/u/7/edit",
    "/u/7/show", "/u/7/edit/", "/u/7.json", "/u/7.json.json", "/x-y",
    "/x-y-z", "/-x-y", "/x-", "/--", "/---", "/x.y", "/x.y.z", "/x-x-y",
    "/x-x-x-y", "/f", "/f/", "/f/p", "/f/p/q", "/f/p/q/", "/f-p/q", "/f.txt",
    "/p/x/q", "/p/x/x/q", "/p/q/x/r/s", "/p/edit", "/p/q/edit", "/edit",
    "/about", "/en/about", "/en", "/:id", "/a{b}", "/7x", "/caf\u00e9/z",
    "/x/y/z", "/x/z", "/x/1/2/z", "//", "/a.b/c.d", "/p.q.r", "/ac", "/a b",
    "/%", "/files", "/files/a/b", "/x--y--z", "", "/x-y/z-w", "/p-q/r-s-t"];
  const rows = [];

  for (const text of texts)
    for (const flags of ["", "o", "s", "os", "c"]) {
      const loose = flags.includes("s") || text === "/" ? text :
        text.replace(/\/+$/, "");
      let matcher = null;
      try {
        matcher = match(loose, { end: !flags.includes("o"), decode: false,
          sensitive: flags.includes("c"), trailing: !flags.includes("s") });
      } catch {
        rows.push([text, flags, null, "refused", null]);
        continue;
      }
      if (flags.includes("o") && text === "/") continue; // the router's own
      for (const path of paths) {
        const found = matcher(path);
        if (flags !== "" && !found) continue; // enough of those above
        rows.push([text, flags, path,
          found ? Buffer.byteLength(found.path) : "no",
          found ? Object.entries(found.params)
            .map(([k, v]) => `${k}=${v}`).join("&") : null]);
      }
    }
  write("path_to_regexp", ["path-to-regexp"],
    "pattern, flags (open, strict, case), path, bytes matched, parameters",
    rows);
}

// ---- negotiator, through accepts --------------------------------------------

function negotiate() {
  const accepts = require("accepts");
  const kinds = {
    types: [["html", "json"], ["text/html", "application/json", "text/plain"],
      ["json"], ["text/html;level=1", "text/html"], ["nonsense", "text"],
      ["image/png", "text/*"]],
    encodings: [["br", "gzip", "identity"], ["gzip"], ["identity"],
      ["GZIP", "deflate"]],
    languages: [["en", "de"], ["en-GB", "en"], ["de-CH", "fr"], ["EN"]],
    charsets: [["utf-8", "iso-8859-1"], ["UTF-8"]],
  };
  const headers = {
    types: [null, "", "*/*", "text/html", "text/*", "application/json",
      "text/html, application/json;q=0.9", "text/html;q=0.5, */*;q=0.1",
      "application/json;q=0.9, text/html;q=0.9", "text/html;q=0",
      "text/html;level=1", "text/*;q=0.3, text/html;q=0.7, text/html;level=1",
      "text/html;level=\"1\";q=0.4", "TEXT/HTML", "text/html ; q=0.2 , */*",
      "text", "image/*,text/plain;q=0.8", "*/*;q=0.5,json", ",,text/html,,",
      "text/html;q=abc", "text/html;q=1.5", "text/plain;level=*",
      "application/xml,application/xhtml+xml,text/html;q=0.9,image/png"],
    encodings: [null, "", "gzip", "br, gzip", "gzip;q=0.5, br;q=0.4", "*",
      "*;q=0", "identity;q=0", "gzip;q=0", "gzip, *;q=0", "identity",
      "gzip;q=0.8, identity;q=0.5, *;q=0.3", "deflate", "GZip", "br;q=0.001"],
    languages: [null, "", "en", "de, en;q=0.5", "en-GB", "en-US, en", "*",
      "fr, *;q=0.1", "en;q=0", "de-CH, de;q=0.9, en;q=0.8", "EN-gb"],
    charsets: [null, "", "utf-8", "iso-8859-1, utf-8;q=0.5", "*", "UTF-8",
      "*;q=0.5, utf-8;q=0", "us-ascii"],
  };
  const names = { types: "accept", encodings: "accept-encoding",
    languages: "accept-language", charsets: "accept-charset" };
  const rows = [];

  for (const [kind, offers] of Object.entries(kinds))
    for (const offer of offers)
      for (const header of headers[kind]) {
        const request = { headers: header === null ? {} :
          { [names[kind]]: header } };
        rows.push([kind, header, offer.join(","),
          accepts(request)[kind](offer) || null]);
      }
  write("negotiate", ["accepts", "negotiator"],
    "kind, header, offers, the best", rows);
}

// ---- range-parser -----------------------------------------------------------

function ranges() {
  const parse = require("range-parser");
  const headers = ["bytes=0-", "bytes=0-0", "bytes=0-499", "bytes=-1",
    "bytes=-0", "bytes=-", "bytes=", "bytes", "bytes=abc", "bytes=a-b",
    "bytes=5-2", "bytes=500-", "bytes=0-4,90-", "bytes=90-,0-4",
    "bytes=0-4,5-9", "bytes=0-10,5-20,30-40", "bytes=40-80,0-50,-1",
    "bytes=0-0,0-0", "bytes= 1 - 2 , 5-6", "bytes=1-2,500-", "bytes=1-2,x",
    "bytes=0-99999999999999999999", "bytes=--1", "bytes=+1-2", "bytes=1-2-3",
    "bytes=0-1,2-3,4-5,10-11,12-13", "bytes=1.5-2", "bytes=0x1-2"];
  const rows = [];

  for (const size of [0, 1, 100, 1000])
    for (const combine of [false, true])
      for (const header of headers) {
        const found = parse(size, header, { combine });
        rows.push([size, combine ? "combine" : "", header,
          typeof found === "number" ? found :
            found.map((r) => `${r.start}-${r.end}`).join(",")]);
      }
  write("range", ["range-parser"],
    "size, combined, header, ranges or -1 (none) or -2 (no such header)",
    rows);
}

// ---- qs, with the options of body-parser ------------------------------------

function forms() {
  const qs = require("qs");
  const texts = ["a=1", "a=1&b=2", "a=1&a=2", "a=1&a=2&a=3", "a[]=1",
    "a[]=1&a[]=2", "a[b]=1", "a[b][c]=1&a[b][d]=2", "a[0]=x&a[1]=y",
    "a[1]=y&a[0]=x", "a[2]=z&a[5]=w", "a[100]=x", "a[99]=x", "a[0]=x&a[b]=y",
    "a[]=1&a[b]=2", "a[b]=1&a[]=2", "a=1&a[b]=2", "a[b]=2&a=1",
    "a[b]=2&a=1&a=3", "a=1&a[]=2", "a[]=1&a=2", "a[]=1&a=", "a[][b]=1",
    "a[][b]=1&a[][c]=2", "a[][b]=1&a[][b]=2", "a[b][]=1&a[b][]=2",
    "a[b][0]=1&a[b]=2", "a", "a=", "=1", "&&a=1&&", "a=b=c", "a[b]=c=d",
    "a[b=c]=d", "a[=b", "[a]=1", "[]=1&[]=2", "[0]=a&[1]=b", "a[[b]]=1",
    "a[b", "a[b]c=1", "a]b=1", "a[b]c[d]=1", "a%5Bb%5D=1", "a%5bb%5d=1",
    "a%5B%5D=1&a%5B%5D=2", "a+b=c+d", "a%20b=c%26d", "%C3%A9=%E2%82%AC",
    "a[01]=x", "a[-1]=x", "a[1.5]=x", "a[ 1]=x", "0=a&1=b", "a.b=1",
    "a[b.c]=1", "user[name]=joe&user[tags][]=x&user[tags][]=y&user[n]=",
    "a[0][b]=1&a[0][c]=2&a[1][b]=3", "a[0]=x&a[0]=y", "a[]=1&a[0]=2&a[]=3",
    "a[b]=1&a[b][c]=2", "a[b][c]=2&a[b]=1", "hasOwnProperty=1&toString=2",
    "a[toString]=1", "a=1&a[0]=2&a[3]=4", "a[0]=&a[1]=", "a[]=&a[]=x",
    "a" + "[b]".repeat(32) + "=1", "a" + "[b]".repeat(33) + "=1",
    "a[150]=x&a[151]=y", "a[150]=x&a=y", "a[0]=x&a[200]=y", "%5B=1",
    "a[b][=1", "a[]b=1", "a[][]=1", "a[][]=1&a[][]=2"];
  // Members sorted, so that their order does not count.
  const print = (value) => {
    if (Array.isArray(value)) return `[${value.map(print).join(",")}]`;
    if (typeof value === "string") return JSON.stringify(value);
    return `{${Object.keys(value).sort((a, b) =>
      Buffer.compare(Buffer.from(a), Buffer.from(b)))
      .map((k) => `${JSON.stringify(k)}:${print(value[k])}`).join(",")}}`;
  };
  const rows = texts.map((text) => {
    try {
      return [text, print(qs.parse(text, { allowPrototypes: true, depth: 32,
        arrayLimit: 100, parameterLimit: 1000, strictDepth: true }))];
    } catch {
      return [text, "refused"];
    }
  });
  write("qs", ["qs"], "form, its fields as JSON, members sorted", rows);
}

// ---- content-disposition, type-is, mime-types, proxy-addr, fresh, cookies ----

function dispositions() {
  const { create } = require("content-disposition");
  const names = ["plans.pdf", "the plans.pdf", "the \"plans\".pdf",
    "back\\slash.txt", "\u20ac rates.pdf", "caf\u00e9.txt", "50%.txt",
    "50%25.txt", "a/b/c.txt", "\ud83d\ude00.png", "a'b(c)*.txt", "a;b=c.txt",
    "\u65e5\u672c.txt", "tab\there", "~!.txt", "a,b", "[x]{y}", "a?b", "a@b"];
  write("content_disposition", ["content-disposition"],
    "file name, header", names.map((n) =>
      [n, create(n.replace(/.*\//, ""))]));
}

function types() {
  const is = require("type-is").is;
  const mime = require("mime-types");
  const rows = [];

  for (const value of ["text/html", "text/html; charset=utf-8",
    "application/json", "application/vnd.api+json", "TEXT/HTML", "text",
    "multipart/form-data; boundary=x", "image/svg+xml", "",
    "application/x-www-form-urlencoded", "text/html/x", "a b/c", "*/*"])
    for (const want of ["html", "json", "+json", "text/*", "*/*", "*/html",
      "urlencoded", "multipart", "multipart/*", "text/html", "xml",
      "application/*+xml", "nonsense", "image/svg+xml"])
      rows.push(["is", value, want, is(value, want) ? "yes" : "no"]);
  for (const path of ["a.html", "a.js", "dir.x/a.CSS", "a.json", "a", "a.",
    ".html", "a.unknown", "a.svg", "a.tar.gz", "a.woff2", "a.txt", "a.wasm",
    "a.mjs", "a.png", "a.jpeg", "a.ico", "a.pdf", "a.webmanifest"])
    rows.push(["path", path, null, mime.contentType(path.replace(/^.*\//, "")
      .replace(/^[^.]*$/, "x.none")) || "application/octet-stream"]);
  // Those that src/web/mime.c has, and some that it has not.
  const ours = [...readFileSync(`${folder}/../../src/web/mime.c`, "utf8")
    .matchAll(/^\t\{ "([^"]+)",\t"/gm)].map((m) => m[1]);
  for (const ending of [...ours, ".html", "HTML", ".Json", ".", "", "htmlx",
    "htm.l", "0", "zzz"])
    rows.push(["ending", ending, null,
      (mime.lookup(ending) && mime.contentType(mime.lookup(ending))) || null]);
  write("types", ["type-is", "mime-types"], "is: type, wanted, yes or no; " +
    "path: name, -, Content-Type; ending: likewise, \\- if unknown", rows);
}

function proxies() {
  const proxyaddr = require("proxy-addr");
  const chains = [[], ["1.1.1.1"], ["1.1.1.1", "10.0.0.1"],
    ["1.1.1.1", "10.0.0.1", "10.0.0.2"], ["2001:db8::1", "10.0.0.1"],
    ["::ffff:10.0.0.1"], ["1.1.1.1", "172.16.5.4", "fd00::5"]];
  const rows = [];

  for (const peer of ["127.0.0.1", "10.0.0.9", "8.8.8.8", "::1",
    "::ffff:127.0.0.1"])
    for (const chain of chains)
      for (const trust of ["loopback", "10.0.0.0/8", "uniquelocal", "1", "2",
        "loopback, 10.0.0.0/8", "10.0.0.1, 127.0.0.1", "::1", "fd00::/8",
        "10.0.0.0/30, 127.0.0.0/8, uniquelocal"]) {
        const words = trust.split(/ *, */);
        const fn = /^\d+$/.test(trust) ? (a, i) => i < +trust :
          proxyaddr.compile(words);
        const request = { socket: { remoteAddress: peer },
          headers: { "x-forwarded-for": chain.join(", ") } };
        rows.push([peer, chain.join(", "), trust,
          proxyaddr.all(request, fn).join(" ")]);
      }
  write("trust_proxy", ["proxy-addr"],
    "peer, X-Forwarded-For, trusted, addresses from peer to client", rows);
}

function freshness() {
  const fresh = require("fresh");
  const dates = ["Sat, 01 Jan 2000 00:00:00 GMT",
    "Sat, 01 Jan 2000 01:00:00 GMT"];
  const rows = [];

  for (const none of [null, "*", '"a"', 'W/"a"', '"b"', '"b", "a"',
    '"b","a"', 'W/"b", W/"a"', "", "a"])
    for (const since of [null, ...dates, "nonsense"])
      for (const cache of [null, "no-cache", "max-age=0", "a, no-cache"])
        for (const etag of [null, '"a"', 'W/"a"'])
          for (const modified of [null, dates[0]]) {
            const request = {}, response = {};
            if (none !== null) request["if-none-match"] = none;
            if (since !== null) request["if-modified-since"] = since;
            if (cache !== null) request["cache-control"] = cache;
            if (etag !== null) response.etag = etag;
            if (modified !== null) response["last-modified"] = modified;
            rows.push([none, since, cache, etag, modified,
              fresh(request, response) ? "fresh" : "stale"]);
          }
  write("fresh", ["fresh"], "If-None-Match, If-Modified-Since, " +
    "Cache-Control; ETag, Last-Modified; fresh or stale", rows);
}

// ---- Express itself: what it says of a request -------------------------------

// Runs handler in an app of Express, with no connection behind the request.
function inExpress(request, trust, handler) {
  const express = require("express");
  const { IncomingMessage, ServerResponse } = require("node:http");
  const app = express();
  const req = new IncomingMessage(null);
  const headers = {};
  let said;

  app.set("trust proxy", trust ?? false);
  app.use(request.mount ?? "/", (q, s) => { said = handler(q, s); });
  for (const [name, value] of Object.entries(request.headers ?? {}))
    if (value !== null) headers[name] = value;
  Object.assign(req, { method: request.method ?? "GET",
    url: request.url ?? "/", headers });
  req.socket = { remoteAddress: request.peer ?? "192.0.2.9",
    encrypted: request.encrypted ?? false };
  req.connection = req.socket;
  app(req, new ServerResponse(req), () => {});
  return said;
}

function express() {
  const rows = [];
  const yes = (is) => is ? "yes" : "no";

  for (const host of [null, "a.example", "a.example:80", "A.Example:8443",
    "[::1]", "[::1]:8080", "127.0.0.1:1", "a.example:"])
    rows.push(["hostname", host, null, null,
      inExpress({ headers: { host } }, null, (q) => q.hostname)]);
  for (const by of [null, "XMLHttpRequest", "xmlhttprequest", "fetch", "",
    "XMLHttpRequest2"])
    rows.push(["xhr", by, null, null, yes(inExpress(
      { headers: { "x-requested-with": by } }, null, (q) => q.xhr))]);
  for (const [encrypted, proto] of [[false, null], [true, null],
    [false, "https"], [true, "http"], [false, "https, http"]])
    for (const trust of ["loopback", "192.0.2.9"])
      rows.push(["protocol", yes(encrypted), proto, trust, inExpress(
        { encrypted, headers: { "x-forwarded-proto": proto } }, trust,
        (q) => q.protocol)]);
  for (const chain of [null, "1.1.1.1", "1.1.1.1, 10.0.0.1",
    "1.1.1.1, 10.0.0.1, 10.0.0.2", "2001:db8::1, 10.0.0.1"])
    for (const trust of ["loopback", "192.0.2.9", "1", "2", "3",
      "192.0.2.9, 10.0.0.0/8"])
      for (const kind of ["ip", "ips"])
        rows.push([kind, chain, trust, null, inExpress(
          { headers: { "x-forwarded-for": chain } },
          /^\d+$/.test(trust) ? +trust : trust,
          (q) => kind === "ip" ? q.ip : q.ips.join(" "))]);
  for (const [mount, url] of [["/", "/"], ["/", "/a/b"], ["/", "/a/"],
    ["/a", "/a"], ["/a", "/a/"], ["/a", "/a/b"], ["/a", "/a/b/?c=d"],
    ["/a", "/A/b"], ["/a/b", "/a/b/c"], ["/:x", "/a/b"], ["/a", "/a?b"],
    ["/*x", "/a/b/"], ["/a/*x", "/a/b/"], ["/{a}", "/"], ["/{a}", "/a/b"]])
    for (const kind of ["path", "baseUrl"])
      rows.push([kind, mount, url, null,
        inExpress({ mount, url }, null, (q) => q[kind])]);
  for (const method of ["GET", "HEAD", "POST", "PUT", "DELETE"])
    for (const status of [200, 204, 299, 300, 304, 404, 500])
      for (const tag of [null, '"a"', '"b"'])
        rows.push(["fresh", method, status, tag, inExpress(
          { method, headers: { "if-none-match": tag } }, null, (q, s) => {
            s.status(status).set("ETag", '"a"');
            return yes(q.fresh);
          })]);
  for (const name of ["a.html", "dir/a.json", "a", ".hidden", ".html",
    "dir.d/a", "dir.d/.html", "a.unknown", "a.", "plans \u20ac.pdf", "a.tar.gz"])
    for (const header of ["Content-Disposition", "Content-Type"])
      rows.push(["attachment", name, header, null,
        inExpress({}, null, (q, s) => s.attachment(name).get(header))]);
  answers(rows);
  wholes(rows);
  origins(rows);
  write("express", ["express", "cors"], "kind, what it is given, the answer", rows);
}

// Whole answers: what is done to them, word by word; the method; status, type,
// length and body.
function wholes(rows) {
  const programs = ["send=x", "length=9 send=x", "length=9 json=[1]",
    "length=0 sendStatus=404", "length=9 status=204 send=x",
    "length=9 status=304 send=x", "type=text/css status=204 json=[1]",
    "type=text/css status=304 send=x", "sendStatus=204", "sendStatus=205",
    "status=205 send=x", "status=205 length=7 json=[1]", "sendStatus=404",
    "sendStatus=200", "type=image/png length=9 end", "type=text json=[1]"];
  const run = (s, program) => {
    for (const word of program.split(" ")) {
      const [name, value] = word.split("=");
      if (name === "length") s.set("Content-Length", value);
      else if (name === "json") s.json(JSON.parse(value));
      else if (name === "status" || name === "sendStatus") s[name](+value);
      else s[name](value);
    }
  };

  for (const program of programs)
    for (const method of program.endsWith("end") ? ["HEAD"] :
      ["GET", "HEAD", "POST"])
      rows.push(["answer", program, method, ...inExpress({ method }, null,
        (q, s) => {
          let body = "";
          s.end = (chunk) => { body = chunk ?? ""; };
          run(s, program);
          return [s.statusCode, s.get("Content-Type"),
            s.get("Content-Length"), body];
        })]);
}

// What npm's cors sets for who is allowed; to all others we say nothing, where
// it says what means nothing without an origin. So does what is exposed, in
// the answer to a preflight.
function origins(rows) {
  const cors = require("cors");
  const mine = "https://a.example";
  const options = { any: { origin: "*" }, one: { origin: [mine] },
    cookies: { origin: [mine], credentials: true },
    all: { origin: ["https://b.example", mine], credentials: true,
      methods: "GET,POST", allowedHeaders: "X-A", exposedHeaders: "X-B,X-C",
      maxAge: 60 } };
  const asks = [["GET", null, null], ["GET", mine, null],
    ["GET", "https://c.example", null], ["POST", mine, null],
    ["OPTIONS", mine, ""], ["OPTIONS", mine, "X-A, X-D"]];

  for (const [kind, option] of Object.entries(options))
    for (const [method, origin, wanted] of asks) {
      if (origin !== mine && kind !== "any") continue;
      const headers = { origin, "access-control-request-headers": wanted || null,
        "access-control-request-method": method === "OPTIONS" ? "PUT" : null };
      rows.push(["cors", kind, method, origin, wanted, inExpress(
        { method, headers }, null, (q, s) => {
          s.removeHeader("X-Powered-By");
          cors(option)(q, s, () => {});
          return Object.entries(s.getHeaders())
            .filter(([name]) => name !== "content-length" &&
              (method !== "OPTIONS" || name !== "access-control-expose-headers"))
            .map(([name, value]) => `${name}=${value}`).sort().join(";");
        })]);
    }
}

// What is set on the answer, by Express's own functions.
function answers(rows) {
  const secret = "keyboard cat";
  const cookies = { "": {}, "path=/app": { path: "/app" },
    "domain=a.example": { domain: "a.example" }, "http": { httpOnly: true },
    "secure": { secure: true }, "part": { partitioned: true, secure: true },
    "same=lax": { sameSite: "lax" }, "same=strict": { sameSite: true },
    "same=none": { sameSite: "none" }, "prio=low": { priority: "low" },
    "prio=medium": { priority: "medium" }, "prio=high": { priority: "high" },
    "expires=1": { expires: new Date(1000) },
    "expires=1700000000": { expires: new Date(1700000000000) },
    "domain=a.example path=/a http secure part same=none prio=high expires=1":
    { domain: "a.example", path: "/a", httpOnly: true, secure: true,
      partitioned: true, sameSite: "none", priority: "high",
      expires: new Date(1000) } };
  const set = (fn) => inExpress({}, null, (q, s) => {
    q.secret = secret;
    fn(s);
    return s.get("Set-Cookie");
  });

  for (const [words, options] of Object.entries(cookies)) {
    for (const value of ["", "x", "a b;c=\u20ac%"])
      rows.push(["cookie", value, words, null,
        set((s) => s.cookie("c", value, { ...options }))]);
    rows.push(["signed", "x.y", words, null,
      set((s) => s.cookie("c", "x.y", { ...options, signed: true }))]);
    rows.push(["clear", null, words, null,
      set((s) => s.clearCookie("c", { ...options }))]);
  }
  for (const had of [null, "Accept", "Accept, Cookie", "*", ""])
    for (const field of ["Accept", "cookie", "Origin", "*", "Accept, Origin",
      "Origin,Accept , Cookie"])
      rows.push(["vary", had, field, null, inExpress({}, null, (q, s) => {
        if (had !== null) s.set("Vary", had);
        return s.vary(field).get("Vary");
      })]);
  for (const type of ["json", ".txt", "html", "nonsense", "text/css",
    "TEXT/X-OWN", "text/css;charset=utf-8", "text/css; charset=utf-16",
    "application/json", "application/javascript", "application/x-own",
    "application/manifest+json", "application/problem+json", "image/svg+xml",
    "image/png"]) {
    rows.push(["type", type, null, null, inExpress({}, null, (q, s) =>
      s.type(type).get("Content-Type"))]);
    if (type !== "nonsense")
      rows.push(["type", type, "set", null, inExpress({}, null, (q, s) =>
        s.set("Content-Type", type).get("Content-Type"))]);
  }
  for (const had of [null, "</a>; rel=\"prev\""])
    for (const url of ["/b", "https://b.example/?c=d", "/b,c"])
      rows.push(["links", had, url, null, inExpress({}, null, (q, s) => {
        if (had !== null) s.set("Link", had);
        return s.links({ next: url }).get("Link");
      })]);
  for (const path of ["/", "/a?b=c#d", "/caf\u00e9", "/a b?c= d", "/ ", "/%20", "/%", "/%4",
    "/%zz/%41", "/a%", "/\"<>`{}|^", "/[a]!$&'()*+,;=:@~-_.", "/\ud83d\ude00"])
    rows.push(["location", path, null, null, inExpress({}, null, (q, s) =>
      s.location(path).get("Location"))]);
}

// ---- express-session and connect-redis: a stored cookie, and how long --------

function sessionCookies() {
  const { Store } = require("express-session");
  const { RedisStore } = require("connect-redis");
  const now = 1700000001000;
  const at = (ms) => new Date(now + ms).toISOString();
  const cookies = [{},
    { originalMaxAge: 3600000, expires: at(3599000) },
    { originalMaxAge: 3600000, expires: at(1) },
    { originalMaxAge: 3600000, expires: at(0) },
    { originalMaxAge: 3600000, expires: at(-1) },
    { originalMaxAge: 1000, expires: at(-86400000) },
    { originalMaxAge: 1, expires: at(1) },
    { originalMaxAge: 0, expires: at(0) },
    { originalMaxAge: 1500, expires: at(1500) },
    { originalMaxAge: null, expires: at(60000) },
    { originalMaxAge: 31536000000, expires: at(31536000000) },
    { httpOnly: false }, { httpOnly: true, path: "/app" }, { secure: true },
    { secure: false, path: "/" }, { domain: "a.example", path: "/" },
    { partitioned: true, secure: true }, { priority: "high" },
    { sameSite: "lax" }, { sameSite: true }, { sameSite: "none" },
    { originalMaxAge: 60000, partitioned: true, priority: "low",
      expires: at(60000), secure: true, httpOnly: true, domain: "a.example",
      path: "/\u00e9", sameSite: "strict" }];
  const realNow = Date.now;
  const rows = [];

  Date.now = () => now;
  for (const cookie of cookies) {
    const text = JSON.stringify({ originalMaxAge: null, expires: null,
      ...cookie });
    const make = () => Store.prototype.createSession({},
      { cookie: JSON.parse(text) });
    for (const ttl of [undefined, 60, 1]) {
      const store = new RedisStore({ client: { scanIterator: true }, ttl });
      rows.push(["ttl", text, ttl, store.getTTL(make())]);
    }
    rows.push(["write", text, null, JSON.stringify(make().cookie)]);
    const touched = make();
    Date.now = () => now + 500;
    touched.touch();
    rows.push(["touch", text, 500, JSON.stringify(touched.cookie)]);
    Date.now = () => now;
  }
  Date.now = realNow;
  write("session_cookie", ["express-session", "connect-redis"],
    "ttl: a cookie as stored, the store's ttl, seconds to keep it at " +
    "1700000001 s; write: -, as it is stored again; touch: later by, likewise",
    rows);
}

// ---- JavaScript itself: how it writes numbers and dates ----------------------

function javascript() {
  const bits = new DataView(new ArrayBuffer(8));
  const hex = () => bits.getBigUint64(0).toString(16).padStart(16, "0");
  const numbers = [0, -0, 1, -1, 0.1, 0.2, 0.1 + 0.2, 1 / 3, 2 / 3, 1e20,
    1e21, 123456789012345680000, 1.5e21, 1e-6, 1e-7, 1.5e-7, 0.00001234,
    123.456, 5e-324, 1.7976931348623157e308, 2 ** 53, 2 ** 53 + 2, 2 ** 63,
    2 ** 64, 4.35, 0.5, 100, 1e100, -1e-100, 9.5e-7, NaN, Infinity,
    -Infinity, 2.2250738585072014e-308, 4.9406564584124654e-324, 1e23];
  const dates = [0, 1, -1, 999, 1000, 1700000000123, -62135596800000,
    -62167219200000, -62167219200001, 253402300799999, 253402300800000,
    8640000000000000, -8640000000000000, 951782400000, 1709164800000];
  const rows = [];
  let seed = 1n;

  for (const n of numbers) {
    bits.setFloat64(0, n);
    rows.push(["number", hex(), JSON.stringify(n)]);
  }
  for (let i = 0; i < 200; i++) {	// any bits, the same each time
    seed = BigInt.asUintN(64, seed * 6364136223846793005n + 1442695040888963407n);
    bits.setBigUint64(0, seed);
    rows.push(["number", hex(), JSON.stringify(bits.getFloat64(0))]);
  }
  for (const ms of dates)
    rows.push(["date", ms, JSON.stringify(new Date(ms))]);
  write("javascript", [], "number: its bits; date: ms since 1970; as JSON",
    rows);
}

// ---- ws and engine.io's accepts: what is compressed -----------------------------

const inside = (path) =>
  require(new URL(`node_modules/${path}`, import.meta.url).pathname);

function offers() {
  const { parse } = inside("ws/lib/extension.js");
  const Deflate = inside("ws/lib/permessage-deflate.js");
  const mine = "permessage-deflate";
  const parameters = ["server_no_context_takeover",
    "client_no_context_takeover", "client_max_window_bits",
    "client_max_window_bits=15", "client_max_window_bits=8",
    "server_max_window_bits=15", "server_max_window_bits=9",
    "server_max_window_bits=8", "server_max_window_bits",
    'client_max_window_bits="12"', 'server_max_window_bits="1\\0"',
    "client_max_window_bits=7", "client_max_window_bits=16",
    "server_max_window_bits=7", "server_max_window_bits=16",
    "server_max_window_bits=0", "server_max_window_bits=100",
    "server_max_window_bits=99999999999999999999",
    "client_max_window_bits=-9", "client_max_window_bits=9a",
    "client_max_window_bits=x", 'client_max_window_bits=""',
    "server_no_context_takeover=1", "client_no_context_takeover=true",
    'client_no_context_takeover=""', "unknown", "unknown=1",
    "Server_No_Context_Takeover", "client_max_window_bits=1 0"];
  const headers = [mine, "x-webkit-deflate-frame", "foo, bar;a=1;b", "foo; " +
    mine, `foo, ${mine}`, `${mine}, foo`, "Permessage-Deflate", `${mine},`,
  `,${mine}`, `${mine};`, `${mine};;a`, `${mine}; =1`, `${mine}; a=`,
  `${mine} ; server_no_context_takeover`, `${mine};server_no_context_takeover`,
  `${mine};\tserver_no_context_takeover\t;\tclient_no_context_takeover`,
  `${mine}; client_max_window_bits =9`, `${mine}; client_max_window_bits= 9`,
  "permessage -deflate", "a b", "a/b", "a;b/c", 'foo; a="b c"',
  'foo; a="b,c"', 'foo; a="b', 'foo; a="b"c', 'foo; a=b"c"', 'foo; a="\\b\\"',
  'foo; a="\\', "foo; a=b=c", "foo; a=\u00e9", "\u00e9", "foo\u0000", "@",
  `${mine}; unknown, ${mine}`, `${mine}, ${mine}; unknown`,
  `${mine}; server_max_window_bits=10, ${mine}; server_max_window_bits=12`,
  `${mine}; client_max_window_bits, ${mine}`,
  `${mine}; client_max_window_bits; client_max_window_bits`,
  `${mine}; unknown; unknown`,
  `foo; server_max_window_bits=99, ${mine}; server_max_window_bits=11`];
  for (const a of parameters) headers.push(`${mine}; ${a}`);
  for (const a of parameters.slice(0, 8))
    for (const b of parameters.slice(0, 8))
      headers.push(`${mine}; ${a}; ${b}`);
  const answer = (header) => {
    try {
      const found = parse(header)[mine];
      if (found === undefined) return null;
      const terms = new Deflate({ serverNoContextTakeover: true,
        clientNoContextTakeover: true, isServer: true }).accept(found);
      return Object.keys(terms).sort().map((key) =>
        terms[key] === true ? key : `${key}=${terms[key]}`).join(" ");
    } catch {
      return "refused";
    }
  };
  write("ws_deflate", ["ws"], "Sec-WebSocket-Extensions; what is agreed on, " +
    "sorted, by a server without context takeover; refused; or nothing",
  headers.map((header) => [header, answer(header)]));
}

function codings() {
  const accepts = createRequire(new URL("node_modules/engine.io/package.json",
    import.meta.url))("accepts");
  const ones = ["gzip", "deflate", "*", "identity", "br", "gzip;q=0",
    "deflate;q=0", "*;q=0", "gzip;q=0.5", "deflate;q=0.5", "gzip;q=0.9",
    "deflate;q=0.123", "*;q=0.5", "GZIP", "deflate; q=1", "gzip ;q=0.1"];
  const headers = [null, "", ",", "gzip, deflate, br", "gzip, deflate",
    "deflate, gzip;q=1.0, *;q=0.5", "gzip;q=x", "gzip;q=", "gzip;q=1.000",
    "gzip;q=0.000", "gzip;a=b;q=0.2, deflate;q=0.3", "x-gzip", ...ones];
  for (const a of ones)
    for (const b of ones) headers.push(`${a}, ${b}`);
  for (const a of ones.slice(6))
    headers.push(`deflate, ${a}, gzip;q=0.7`, `*, ${a}, gzip`);
  write("http_coding", ["engine.io"],
    "Accept-Encoding; which of gzip and deflate engine.io answers with",
    headers.map((header) => [header, accepts({ headers: header === null ? {} :
      { "accept-encoding": header } }).encodings(["gzip", "deflate"]) || null]));
}

const makers = { patterns, negotiate, ranges, forms, dispositions, types,
  proxies, freshness, express, sessionCookies, javascript, offers,
  codings };
for (const name of process.argv.length > 3 ? process.argv.slice(3) :
  Object.keys(makers))
  makers[name]();
