// The pages that "./dev bench http" asks for, on Express 5 with
// express-session and connect-redis, each set up as its documentation says:
// the point of comparison, and nothing else. It does less than our site: no
// throttle, no security headers, no check of where a form comes from.
//
//	node peer_express.mjs SOCKET REDIS_SOCKET SECRET ASSETS BYTES
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import express from "express";
import session from "express-session";
import { RedisStore } from "connect-redis";
import { createClient } from "redis";

const [path, redisPath, secret, assets, bytes] = process.argv.slice(2);
const redis = createClient({ socket: { path: redisPath } });
await redis.connect();

// Node 20 has no Argon2. This is its own password hash over as much memory
// as ours has in the bench, 8 MiB, in its thread pool; it costs more CPU
// than one pass of Argon2id, so of the log-in only the sum can be compared.
// What surrounds a hash is compared in the log-out.
const cost = { N: 8, r: 8, p: 1, maxmem: 32 << 20 };
const hash = (password, salt) => promisify(scrypt)(password, salt, 32, cost);
const salt = randomBytes(16);
const hashed = (await hash("correct horse battery", salt)).toString("base64");
for (let i = 0; i < 1000; i++)
  await redis.hSet(`peer:account:bench${`${i}`.padStart(3, "0")}`, {
    id: `bench${i}`, display: `Bench${i}`, salt: salt.toString("base64"),
    hash: hashed,
  });

// The same proof as ours: the session's secret under a fresh mask.
const xor = (a, b) => Buffer.from(a.map((byte, i) => byte ^ b[i]));

function proof(req) {
  req.session.csrfSecret ??= randomBytes(18).toString("base64url");
  const mask = randomBytes(24);
  return Buffer.concat([mask, xor(mask, Buffer.from(req.session.csrfSecret))])
    .toString("base64url");
}

function checkProof(req, res, next) {
  const raw = Buffer.from(String(req.body?._csrf ?? ""), "base64url");
  const want = Buffer.from(req.session.csrfSecret ?? "");
  if (raw.length === 48 && want.length === 24 &&
      timingSafeEqual(xor(raw.subarray(0, 24), raw.subarray(24)), want))
    return next();
  res.status(403).send("The form is no longer valid.");
}

const escapes = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escape = (s) => s.replace(/[&<>"]/g, (c) => escapes[c]);

// As long as ours, with as many values in it.
function page(user, csrf, filler) {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Chat</title></head>
<body data-namespace="/packtchat" data-path="/socket.io/">
<p title="Logged in as ${escape(user)}">${escape(user)}</p>
<form method="post" action="/account/logout">
<input type="hidden" name="_csrf" value="${escape(csrf)}">
<button>Log out</button>
</form>
<p>${filler}</p>
</body>
</html>
`;
}

const filler = "-".repeat(Math.max(0,
  Number(bytes) - page("Load 1", "x".repeat(64), "").length));

const app = express();
app.use("/assets", express.static(assets));
app.use(session({
  store: new RedisStore({ client: redis }),
  secret, resave: false, saveUninitialized: false,
}));
app.use(express.urlencoded({ extended: false }));

app.get("/chat", (req, res) => {
  if (!req.session.isAuthenticated) return res.redirect(303, "/account/login");
  res.send(page(req.session.user.displayName, proof(req), filler));
});

app.post("/account/login", checkProof, async (req, res, next) => {
  const account = await redis.hGetAll(`peer:account:${req.body.username}`);
  const got = await hash(req.body.password,
    Buffer.from(account.salt ?? "", "base64"));
  const want = Buffer.from(account.hash ?? "", "base64");
  if (want.length !== got.length || !timingSafeEqual(got, want))
    return res.redirect(303, "/account/login");
  req.session.regenerate((err) => {
    if (err) return next(err);
    req.session.isAuthenticated = true;
    req.session.user = { id: account.id, displayName: account.display,
      provider: "local" };
    res.redirect(303, "/chat");
  });
});

app.post("/account/logout", checkProof, (req, res, next) => {
  req.session.regenerate((err) => {
    if (err) return next(err);
    req.session.flash = [{ kind: "notice", text: "You have logged out." }];
    res.redirect(303, "/account/login");
  });
});

app.listen(path);
