// The routes of examples/site in Express 5, and the same requests to both:
// status, the headers that matter and the body have to be equal, but for the
// differences that are intended, each with its reason. The page of an error
// is each one's own; of it the status and Allow count.
//
//	node web.mjs URL FOLDER		the folder of the site's files
import { writeFile } from "node:fs/promises";
import http from "node:http";
import express from "express";
import { assert, once, test } from "./tap.mjs";

const [base, dir] = process.argv.slice(2);
const NOTED = ["content-type", "content-length", "location", "allow", "etag",
  "cache-control", "content-range", "accept-ranges", "last-modified", "vary"];

const notes = [];
const app = express();
app.disable("x-powered-by");
const router = express.Router();
router.use(express.json(), express.urlencoded({ limit: 65536 }));
router.post("/", (req, res) => {
  const text = req.body?.text;
  if (typeof text !== "string" || text.length < 1 || text.length > 200)
    return res.sendStatus(400);
  res.location(`/notes/${notes.push(text)}`).sendStatus(201);
});
router.get("/events", (req, res) => {
  res.writeHead(200, { "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache" });
  notes.slice(0, Number(req.query.count)).forEach((text, i) =>
    res.write(`id: ${i + 1}\nretry: 1000\ndata: ${text}\n\n`));
  res.end();
});
router.get("/:id", (req, res, next) => {
  const text = notes[Number(req.params.id) - 1];
  if (text === undefined) return next();
  res.json({ id: Number(req.params.id), text });
});
app.use("/notes", router);
app.get("/files/:name", (req, res, next) =>
  res.sendFile(req.params.name, { root: dir }, (error) => error && next(error)));
app.use((error, req, res, next) => res.sendStatus(error.status ?? 500));
const server = http.createServer(app).listen(0, "127.0.0.1");
await once(server, "listening");
const node = `http://127.0.0.1:${server.address().port}`;

// What an answer says; of an ETag, only whether it is weak.
function told(answer, body, method) {
  const said = { status: answer.statusCode };
  for (const name of NOTED)
    if (answer.headers[name] !== undefined) said[name] = answer.headers[name];
  if (said.etag) said.etag = said.etag.startsWith("W/") ? "weak" : "strong";
  if (said.status < 400) return { ...said, body };
  return { status: said.status,
    ...(said.allow && method !== "GET" ? { allow: said.allow } : {}) };
}

async function ask(to, seen, [method, path, headers = {}, body]) {
  if (typeof headers === "function") headers = headers(seen);
  const request = http.request(to + path, { method, headers, agent: false });
  request.end(body);
  const [answer] = await once(request, "response");
  let text = "";
  for await (const chunk of answer.setEncoding("utf8")) text += chunk;
  if (answer.statusCode === 200) Object.assign(seen, answer.headers);
  return told(answer, text, method);
}

const json = { "Content-Type": "application/json" };
const form = { "Content-Type": "application/x-www-form-urlencoded" };
const post = (headers, body) => ["POST", "/notes", headers, body];
const file = (headers) => ["GET", "/files/a.txt", headers];

// Differences that come in many rows.
const POSTED = { why: "an ETag names what can be asked for again: no POST",
  ours: { etag: undefined }, node: { etag: "weak" } };
const FILE = { why: "a strong ETag is good for If-Range too; no-cache says " +
  "what max-age=0 means",
  ours: { etag: "strong", "cache-control": "no-cache" },
  node: { etag: "weak", "cache-control": "public, max-age=0" } };
const METHOD = { why: "a wrong method is a 405 that names the right ones",
  ours: { status: 405, allow: "GET, HEAD, OPTIONS" },
  node: { status: 404, allow: undefined } };
const STRICT = (status, why) => ({ why, ours: { status }, node:
  { status: 201 }, only: true });

const rows = [
  ["a note as JSON", post(json, '{"text":"one \\u00e9"}'), POSTED],
  ["a note as a form", post(form, "text=two+%26+three"), POSTED],
  ["a note with charset", post({ "Content-Type":
    "application/json; charset=UTF-8" }, '{"text":"x"}'), POSTED],
  ["the last of two fields",
    post(form, "text=a&text=b"), { why: "one name is one text, the last",
      ours: { status: 201 }, node: { status: 400 }, only: true }],
  ["broken JSON", post(json, '{"text":')],
  ["no JSON at all", post(json, "")],
  ["a number for a text", post(json, '{"text":1}')],
  ["an empty form", post(form, "")],
  ["another charset", post({ "Content-Type":
    "application/json; charset=latin1" }, '{"text":"x"}')],
  ["another encoding", post({ ...json, "Content-Encoding": "zip" }, "{}")],
  ["JSON as large as may be and one more",
    post(json, `"${"x".repeat(102399)}"`)],
  ["a form that is too large", post(form, `text=${"x".repeat(65536)}`)],
  ["a type nobody reads", post({ "Content-Type": "text/plain" }, "hello"),
    { why: "a body that no step takes is refused, not left out",
      ours: { status: 415 }, node: { status: 400 } }],
  ["a broken escape", post(form, "text=%zz"),
    STRICT(400, "a broken escape is no text")],
  ["a note", ["GET", "/notes/1"]],
  ["HEAD", ["HEAD", "/notes/1"]],
  ["a last slash", ["GET", "/notes/1/"]],
  ["other case", ["GET", "/NOTES/1"]],
  ["not modified", ["GET", "/notes/1",
    (seen) => ({ "If-None-Match": seen.etag })]],
  ["modified", ["GET", "/notes/1", { "If-None-Match": '"other"' }]],
  ["any is there", ["GET", "/notes/1", { "If-None-Match": "*" }]],
  ["fresh from the source", ["GET", "/notes/1", (seen) =>
    ({ "If-None-Match": seen.etag, "Cache-Control": "no-cache" })]],
  ["no such note", ["GET", "/notes/99"]],
  ["no such route", ["GET", "/other"]],
  ["a broken path", ["GET", "/notes/%zz"]],
  ["another method", ["DELETE", "/notes/1"], METHOD],
  ["OPTIONS", ["OPTIONS", "/notes/1"],
    { why: "OPTIONS itself is allowed, and there is no body to read",
      ours: { status: 204, allow: "GET, HEAD, OPTIONS" },
      node: { status: 200, allow: "GET, HEAD" }, only: true }],
  ["events", ["GET", "/notes/events?count=2"]],
  ["a file", file({}), FILE],
  ["HEAD of a file", ["HEAD", "/files/a.txt"], FILE],
  ["a part", file({ Range: "bytes=2-5" }), FILE],
  ["its end", file({ Range: "bytes=-3" }), FILE],
  ["from there on", file({ Range: "bytes=990-" }), FILE],
  ["past its end", file({ Range: "bytes=990-5000" }), FILE],
  ["beyond", file({ Range: "bytes=1000-" })],
  ["another unit", file({ Range: "lines=1-2" }), FILE],
  ["a part of this very file",
    file((seen) => ({ Range: "bytes=0-1", "If-Range": seen.etag })), FILE],
  ["a part of another", file({ Range: "bytes=0-1", "If-Range": '"x"' }), FILE],
  ["a part, by its date", file((seen) =>
    ({ Range: "bytes=0-1", "If-Range": seen["last-modified"] })), FILE],
  ["several parts", file({ Range: "bytes=0-1,5-6" }),
    { why: "several parts are sent as such", ours: { status: 206 },
      node: { status: 200 }, only: true }],
  ["a file not modified", file((seen) => ({ "If-None-Match": seen.etag })),
    FILE],
  ["a file not modified since", file((seen) =>
    ({ "If-Modified-Since": seen["last-modified"] })), FILE],
  ["a file that is another", file({ "If-Match": '"x"' })],
  ["a file that was changed since", file({ "If-Unmodified-Since":
    "Sat, 01 Jan 2000 00:00:00 GMT" })],
  ["no such file", ["GET", "/files/b.txt"]],
  ["a hidden file", ["GET", "/files/.a"]],
];

await writeFile(`${dir}/a.txt`, "0123456789".repeat(100));
await writeFile(`${dir}/.a`, "hidden");
const seenOurs = {}, seenNode = {};
for (const [name, request, differs] of rows)
  await test(`both alike: ${name}${differs ? `, but: ${differs.why}` : ""}`,
    async () => {
      const ours = await ask(base, seenOurs, request);
      const theirs = await ask(node, seenNode, request);
      for (const key of Object.keys(differs?.ours ?? {})) {
        assert.equal(ours[key], differs.ours[key], `ours: ${key}`);
        assert.equal(theirs[key], differs.node[key], `Node's: ${key}`);
        delete ours[key];
        delete theirs[key];
      }
      if (!differs?.only) assert.deepEqual(ours, theirs);
    });
server.close();
