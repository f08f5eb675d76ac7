// An account's own page: devices, another password, deletion, staying logged
// in; and that the sockets of what ends, end.
//
//	node account.mjs URL
import { io } from "socket.io-client";
import { assert, once, test } from "./tap.mjs";
import { newUser, Visitor } from "./site.mjs";

const base = process.argv[2];
const tag = Date.now().toString(36);

function socketOf(visitor) {
  return io(`${base}/packtchat`, { forceNew: true, reconnection: false,
    extraHeaders: { cookie: visitor.cookie } });
}

async function connected(visitor) {
  const socket = socketOf(visitor);
  await once(socket, "connect", undefined, 20000);
  return { socket, ended: once(socket, "disconnect", undefined, 20000) };
}

async function logIn(name, fields = {}, password = "correct horse") {
  const visitor = new Visitor(base);
  const answer = await visitor.submit("/account/login",
    { username: name, password, ...fields });
  return { visitor, to: answer.headers.get("location") };
}

const isIn = async (visitor) => (await visitor.get("/chat")).status === 200;
const page = async (visitor) => (await visitor.get("/account")).text();
const handles = (text) => [...text.matchAll(/name="session" value="([^"]+)"/g)]
  .map((m) => m[1]);

await test("strangers are sent to the log in", async () => {
  const visitor = new Visitor(base);
  const answer = await visitor.get("/account");
  assert.equal(answer.status, 302);
  assert.match(answer.headers.get("location"), /^\/account\/login\?next=/);
  assert.equal((await visitor.post("/account/delete", { password: "x" }))
    .status, 403);
});

await test("one device is ended, and its socket with it", async () => {
  const name = `one.${tag}`;
  const first = await newUser(base, name);
  const { visitor: second } = await logIn(name);
  const here = await connected(first), there = await connected(second);
  const text = await page(first);
  assert.equal(handles(text).length, 1);
  assert.ok(!text.includes(decodeURIComponent(second.cookie).slice(14, 40)));
  assert.equal((await first.submit("/account", { session: handles(text)[0] },
    "/account/sessions/end")).status, 303);
  await there.ended;
  assert.equal(await isIn(second), false);
  assert.equal(await isIn(first), true);
  assert.equal(here.socket.connected, true);
  here.socket.disconnect();
});

await test("nobody ends the session of another", async () => {
  const mine = await newUser(base, `mine.${tag}`);
  await logIn(`mine.${tag}`);
  const [handle] = handles(await page(mine));
  const other = await newUser(base, `other.${tag}`);
  await other.submit("/account", { session: handle }, "/account/sessions/end");
  assert.deepEqual(handles(await page(mine)), [handle]);
});

await test("all others are ended", async () => {
  const name = `all.${tag}`;
  const first = await newUser(base, name);
  const others = [];
  for (let i = 0; i < 3; i++) others.push((await logIn(name)).visitor);
  const there = await connected(others[1]);
  await first.submit("/account", {}, "/account/sessions/end-others");
  await there.ended;
  assert.equal(await isIn(first), true);
  for (const other of others) assert.equal(await isIn(other), false);
  assert.deepEqual(handles(await page(first)), []);
});

await test("another password ends all but this one, under a new id", async () => {
  const name = `pass.${tag}`;
  const first = await newUser(base, name);
  const { visitor: second } = await logIn(name, { remember: "1" });
  const there = await connected(second);
  const wrong = await first.submit("/account", { password: "no such word",
    new_password: "battery staple" }, "/account/password");
  assert.equal(wrong.status, 303);
  assert.match(await page(first), /not your password/);
  const short = await first.submit("/account", { password: "correct horse",
    new_password: "short" }, "/account/password");
  assert.equal(short.status, 303);
  assert.match(await page(first), /at least 8 characters/);
  assert.equal(await isIn(second), true);
  const before = first.cookie;
  await first.submit("/account", { password: "correct horse",
    new_password: "battery staple" }, "/account/password");
  await there.ended;
  assert.notEqual(first.cookie, before);
  assert.equal(await isIn(first), true);
  assert.equal(await isIn(second), false);
  const stale = new Visitor(base);
  stale.cookie = before;
  assert.equal(await isIn(stale), false);
  assert.equal((await logIn(name)).to, "/account/login");
  assert.equal((await logIn(name, {}, "battery staple")).to, "/chat");
});

await test("a deleted account ends everything, and the name is free", async () => {
  const name = `gone.${tag}`;
  const first = await newUser(base, name);
  const { visitor: second } = await logIn(name, { remember: "1" });
  const here = await connected(first), there = await connected(second);
  await first.submit("/account/delete", { password: "no such word" });
  assert.equal(await isIn(first), true);
  const answer = await first.submit("/account/delete",
    { password: "correct horse" });
  assert.equal(answer.headers.get("location"), "/");
  await Promise.all([here.ended, there.ended]);
  assert.equal(await isIn(first), false);
  assert.equal(await isIn(second), false);
  assert.equal((await logIn(name)).to, "/account/login");
  assert.equal(await isIn(await newUser(base, name)), true);
});

const split = (visitor) => {
  const jar = Object.fromEntries(visitor.cookie.split("; ").map((pair) => {
    const at = pair.indexOf("=");
    return [pair.slice(0, at), pair.slice(at + 1)];
  }));
  return { remember: jar.remember, session: jar["connect.sid"] };
};
function having(remember) {
  const visitor = new Visitor(base);
  visitor.cookie = `remember=${remember}`;
  return visitor;
}

await test("who stays logged in is known when the session is gone", async () => {
  const name = `stay.${tag}`;
  await newUser(base, name);
  const { visitor } = await logIn(name, { remember: "1" });
  const { remember, session } = split(visitor);
  assert.ok(remember);
  const later = having(remember);
  assert.equal(await isIn(later), true);
  assert.notEqual(split(later).remember, remember);
  assert.notEqual(split(later).session, session);
  assert.match(await (await later.get("/")).text(), new RegExp(name));
  await later.logOut();
  assert.equal(split(later).remember, undefined);
  assert.equal(await isIn(having(split(visitor).remember)), false);
  assert.equal(split((await logIn(name)).visitor).remember, undefined);
});

await test("a token that was copied logs out whoever has it", async () => {
  const name = `copy.${tag}`;
  await newUser(base, name);
  const { visitor } = await logIn(name, { remember: "1" });
  const { remember } = split(visitor);
  const thief = having(remember);
  assert.equal(await isIn(thief), true);
  const { socket, ended } = await connected(thief);
  // twice on, so that the first one is past its grace
  const again = having(split(thief).remember);
  assert.equal(await isIn(again), true);
  const owner = having(remember);
  assert.equal(await isIn(owner), false);
  await ended;
  assert.equal(socket.connected, false);
  for (const each of [thief, again, owner, visitor])
    assert.equal(await isIn(each), false);
  assert.equal(await isIn(having(split(again).remember ?? "x")), false);
});

await test("a forged token is taken away", async () => {
  const forged = having("s%3A" + "a".repeat(32) + "." + "b".repeat(16) + "." +
    "c".repeat(32) + ".x");
  assert.equal(await isIn(forged), false);
  assert.equal(split(forged).remember, undefined);
});

await test("names of other scripts, and none that look alike", async () => {
  const visitor = await newUser(base, `Иван-${Date.now() % 10000}`);
  assert.match(await (await visitor.get("/")).text(), /Иван/);
  for (const name of [`\u0430dmin.${tag}`, `k\u200bim.${tag}`]) {
    const stranger = new Visitor(base);
    const answer = await stranger.register(name, "correct horse");
    assert.equal(answer.headers.get("location"), "/account/register");
  }
  await newUser(base, `burn.${tag}`);
  const twin = await new Visitor(base).register(`bum.${tag}`, "correct horse");
  assert.equal(twin.headers.get("location"), "/account/register");
});

await test("another site cannot send a form", async () => {
  const visitor = await newUser(base, `csrf.${tag}`);
  const token = /name="_csrf" value="([^"]*)"/.exec(await page(visitor))[1];
  const send = (headers) => fetch(new URL("/account/sessions/end-others", base),
    { method: "POST", redirect: "manual",
      headers: { cookie: visitor.cookie, ...headers },
      body: new URLSearchParams({ _csrf: token }) });
  assert.equal((await send({ origin: "https://evil.example" })).status, 403);
  assert.equal((await send({ "sec-fetch-site": "cross-site" })).status, 403);
  assert.equal((await send({ origin: new URL(base).origin })).status, 303);
});

setTimeout(() => process.exit(0), 100);
