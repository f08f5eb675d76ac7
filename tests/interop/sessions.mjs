// The same requests to a program on express-session and connect-redis, and to
// one on our sessions: the same answers, the same cookies, the same records.
//
//	node sessions.mjs REDIS_SOCKET PEER_PROGRAM
import { spawn } from "node:child_process";
import { createServer, request } from "node:http";
import { createInterface } from "node:readline";
import express from "express";
import session from "express-session";
import { RedisStore } from "connect-redis";
import { createClient } from "redis";
import { assert, once, test } from "./tap.mjs";

const [redisPath, program] = process.argv.slice(2);
const OURS = 14, THEIRS = 15;
const databases = {};
for (const n of [OURS, THEIRS]) {
  databases[n] = createClient({ socket: { path: redisPath }, database: n });
  await databases[n].connect();
}

// ---- The program on Express ----

let nextSid, sids = 0;	// made by this request
const acts = {
  view: (s) => { s.views = (s.views ?? 0) + 1; },
  same: (s) => { s.fixed = "x"; },
  remove: (s) => { delete s.views; },
  undo: (s) => { s.tried = true; delete s.tried; },
  age: (s, n) => { s.cookie.maxAge = n; },
  viewage: (s, n) => { s.cookie.maxAge = n; acts.view(s); },
  noage: (s) => { s.cookie.maxAge = null; acts.view(s); },
  ends: (s, n) => { s.cookie.expires = new Date(n); acts.view(s); },
  touch: (s) => { s.touch(); },
  nothing: () => {},
};
const call = (object, name) => new Promise((resolve, reject) =>
  object[name]((error) => error ? reject(error) : resolve()));

async function act(req) {
  const { what } = req.params, n = Number(req.query.n ?? 0);
  const known = req.fromCookie;
  switch (what) {
    case "save": return call(req.session, "save");
    case "viewsave":
      acts.view(req.session);
      return call(req.session, "save");
    case "saveage":
      acts.view(req.session);
      await call(req.session, "save");
      return acts.age(req.session, n);
    case "reload":
      acts.view(req.session);
      return known ? call(req.session, "reload") : undefined;
    case "regenerate": return call(req.session, "regenerate");
    case "login":
      await call(req.session, "regenerate");
      return acts.view(req.session);
    case "destroy": return call(req.session, "destroy");
    case "unset": req.session = null; return;
    default: acts[what](req.session, n);
  }
}

function expressOptions(words) {
  const cookie = {}, options = { resave: false, saveUninitialized: false,
    secret: [], proxy: true, cookie };
  let ttl;
  const yes = { secure: { yes: true, no: false, auto: "auto" } };
  for (const [name, value] of words.split(";").map((w) => w.split("="))) {
    if (name === "secret") options.secret.push(value);
    else if (["name", "unset"].includes(name)) options[name] = value;
    else if (["rolling", "resave", "saveUninitialized"].includes(name))
      options[name] = value === "1";
    else if (name === "ttl") ttl = Number(value);
    else if (name === "maxAge") cookie.maxAge = Number(value);
    else if (["httpOnly", "partitioned"].includes(name))
      cookie[name] = value === "1";
    else cookie[name] = yes[name]?.[value] ?? value;
  }
  return { ...options, genid: () => nextSid + sids++,
    store: new RedisStore({ client: databases[THEIRS], ttl }) };
}

async function startExpress(words) {
  const app = express();
  app.disable("etag");
  app.use(session(expressOptions(words)));
  app.get("/:what", async (req, res) => {
    req.fromCookie = req.session && !req.session.id.startsWith(nextSid);
    await act(req);
    res.set("content-type", "text/plain");
    res.end(String(req.session?.views ?? "-"));
  });
  const server = createServer(app).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  return {
    ask: (path, line, cookie) => new Promise((resolve, reject) => {
      request({ port, path, agent: false, headers: { cookie,
        "x-forwarded-proto": line === "safe" ? "https" : "http" } },
      (answer) => {
        let body = "";
        answer.on("data", (some) => { body += some; });
        answer.on("end", () => resolve({ status: answer.statusCode,
          body: answer.statusCode === 200 ? body : "-",
          cookie: answer.headers["set-cookie"]?.[0] ?? "-" }));
      }).on("error", reject).end();
    }),
    stop: () => { server.close(); server.closeAllConnections(); },
  };
}

// ---- The program on ours ----

function startOurs(words) {
  const child = spawn(program, [redisPath, String(OURS), words],
    { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(path, line, cookie) {
      child.stdin.write(`${path}\t${nextSid}\t${line}\t${cookie}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error("our program has ended");
      const [status, body, set] = value.split("\t");
      return { status: Number(status), body, cookie: set };
    },
    stop: () => child.stdin.end(),
  };
}

// ---- Compared ----

// Times may differ by as long as a busy machine takes; nothing else may.
const SLACK = 4000;
function part(text) {
  const times = [];
  const plain = text
    .replace(/(Expires=|"expires":")([^;"]+)/g, (_, name, time) => {
      times.push(Date.parse(time));
      return `${name}TIME`;
    })
    .replace(/"originalMaxAge":(\d+)/, (_, ms) => {
      times.push(Number(ms));
      return '"originalMaxAge":MS';
    });
  return { plain, times };
}

function same(ours, theirs, what) {
  const a = part(ours), b = part(theirs);
  assert.equal(a.plain, b.plain, what);
  a.times.forEach((time, i) => assert.ok(Math.abs(time - b.times[i]) <= SLACK,
    `${what}: ${ours} is not ${theirs}`));
}

async function records(n) {
  const found = [];
  for (const key of (await databases[n].keys("sess:*")).sort())
    found.push([key, await databases[n].get(key), await databases[n].ttl(key)]);
  return found;
}

// A step is [path, cookie], the cookie a number: of that answer before.
async function compare(words, steps) {
  for (const n of [OURS, THEIRS]) await databases[n].flushDb();
  const theirs = await startExpress(words), ours = startOurs(words);
  const jars = { ours: [], theirs: [] };
  try {
    for (const [i, [path, from, line = "plain"]] of steps.entries()) {
      nextSid = `sid-${i}-${"x".repeat(20)}`;
      const where = `${words}: step ${i}, ${path}`;
      const send = (jar) => typeof from === "string" ? from :
        from === undefined ? "" : jar[from] ?? "";
      sids = 0;
      const b = await theirs.ask(path, line, send(jars.theirs));
      const a = await ours.ask(path, line, send(jars.ours));
      assert.equal(a.status, b.status, `${where}: status`);
      assert.equal(a.body, b.body, `${where}: body`);
      same(a.cookie, b.cookie, `${where}: cookie`);
      for (const [jar, { cookie }] of [[jars.ours, a], [jars.theirs, b]])
        jar.push(cookie === "-" ? send(jar) : cookie.split(";")[0]);
      const [mine, yours] = [await records(OURS), await records(THEIRS)];
      assert.deepEqual(mine.map((r) => r[0]), yours.map((r) => r[0]),
        `${where}: keys`);
      mine.forEach(([key, text, ttl], k) => {
        same(text, yours[k][1], `${where}: ${key}`);
        assert.ok(Math.abs(ttl - yours[k][2]) <= SLACK / 1000,
          `${where}: ${key} ends in ${ttl}, not ${yours[k][2]}`);
      });
    }
  } finally {
    theirs.stop();
    ours.stop();
  }
}

// ---- What is asked ----

const all = ["/view", "/nothing", "/undo", "/same", "/same", "/remove",
  "/viewsave", "/save", "/reload", "/touch", "/age?n=500000", "/nothing",
  "/viewage?n=700000", "/nothing", "/noage", "/view",
  "/saveage?n=800000", "/noage", "/view", "/regenerate", "/login", "/nothing"];
const chain = (paths) => paths.map((path, i) => [path, i - 1]);
const life = [["/nothing"], ["/view"], ["/nothing", 1], ["/view", 1],
  ["/regenerate", 1], ["/nothing", 1], ["/view", 4], ["/destroy", 4],
  ["/view", 4], ["/unset", 8], ["/nothing", 8], ["/save"], ["/viewsave"],
  ["/login"], ["/destroy"], ["/unset"], ["/regenerate"], ["/undo"],
  [`/ends?n=${Date.now() + 5000000}`, 1], ["/view", "connect.sid=bogus"],
  ["/view", "connect.sid=s%3Aabc.def"], ["/view", "other=1"]];

const secret = "secret=keyboard cat";
const options = ["", "rolling=1", "resave=1", "saveUninitialized=1",
  "rolling=1;saveUninitialized=1", "unset=destroy", "maxAge=600000",
  "maxAge=600000;rolling=1", "maxAge=600000;resave=1", "ttl=1000",
  "name=sid;domain=example.com;path=/", "httpOnly=0;sameSite=strict",
  "sameSite=lax;priority=high;partitioned=1", "resave=1;rolling=1;unset=destroy",
  "saveUninitialized=1;maxAge=600000;resave=1"];
for (const words of options)
  await test(`as Express: ${words || "defaults"}`, async () => {
    const given = words ? `${secret};${words}` : secret;
    await compare(given, life);
    await compare(given, chain(all));
  });

for (const words of ["secure=yes", "secure=auto;sameSite=auto",
  "secure=yes;rolling=1;saveUninitialized=1"])
  await test(`as Express on both lines: ${words}`, () =>
    compare(`${secret};${words}`, [["/view", undefined, "safe"],
      ["/view", 0, "safe"], ["/view", 0], ["/view"], ["/nothing", 0],
      ["/login", 0, "safe"], ["/view", 5], ["/nothing", 5, "safe"]]));

await test("as Express: each other step of a long walk", async () => {
  // A life that is set behind the first save of a session: express-session
  // tells the browser, and not Redis.
  const paths = [...all.filter((path) => !path.startsWith("/saveage")),
    "/destroy", "/unset"];
  let seed = 7;
  const next = (n) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed % n;
  };
  for (const words of ["", "rolling=1;maxAge=600000", "resave=1"])
    await compare(words ? `${secret};${words}` : secret,
      Array.from({ length: 60 }, (_, i) => [paths[next(paths.length)],
        i === 0 ? undefined : i - 1 - next(Math.min(i, 4))]));
});

for (const client of Object.values(databases)) await client.quit();
setTimeout(() => process.exit(0), 100);
