// Two people in Debian's Chromium: register, enter a room, talk, log out, end
// what runs on another device, change the password, delete the account.
//
//	node browser.mjs URL CHROMIUM FOLDER-FOR-SCREENSHOTS
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import puppeteer from "puppeteer-core";
import { assert, test } from "./tap.mjs";

const [base, executablePath, shots] = process.argv.slice(2);
const tag = Date.now().toString(36);
const profile = mkdtempSync(join(tmpdir(), "tandem-chromium-"));
const browser = await puppeteer.launch({
  executablePath,
  userDataDir: profile,
  headless: true,
  args: [...(process.getuid() === 0 ? ["--no-sandbox"] : []),
    "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-dev-shm-usage"],
});
const complaints = [];
const agreed = [];		// extensions of the WebSockets

// Each in a context of its own: cookies are not shared.
async function visitor(width = 1100, height = 720, scheme = "light") {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  await page.setViewport({ width, height, deviceScaleFactor: 1 });
  await page.emulateMediaFeatures(
    [{ name: "prefers-color-scheme", value: scheme }]);
  const network = await page.createCDPSession();
  await network.send("Network.enable");
  network.on("Network.webSocketHandshakeResponseReceived", ({ response }) =>
    agreed.push(new Map(Object.entries(response.headers).map(([k, v]) =>
      [k.toLowerCase(), v])).get("sec-websocket-extensions")));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error")
      complaints.push(`${message.text()} ${message.location().url ?? ""}`);
  });
  return page;
}

const press = (page, selector) =>
  Promise.all([page.waitForNavigation(), page.click(selector)]);

async function fillIn(page, path, username, password) {
  await page.goto(base + path);
  await page.type("input[name=username]", username);
  await page.type("input[name=password]", password);
  await press(page, "main form button");
}

// Connected, and the upgrade over: a session that ends in the middle of it
// leaves a request that is rightly answered with 400.
const connected = (page) => page.waitForFunction(
  () => document.body.dataset.state === "connected" &&
    socket.io.engine.transport.name === "websocket", { polling: 50 });
const shows = (page, selector, text) => page.waitForFunction(
  (s, t) => document.querySelector(s)?.textContent.includes(t),
  { timeout: 10000 }, selector, text);
const shot = (page, name, fullPage = false) =>
  page.screenshot({ path: join(shots, name), fullPage });

async function enter(page, room) {
  await page.type("#room-name", room);
  await page.click("#room-form button");
  await shows(page, "#room-title", room);
}

async function say(page, text) {
  await page.type("#message", text);
  await page.click("#send");
}

const ann = await visitor();
const ben = await visitor(390, 844, "dark");

await test("the front page shows the way", async () => {
  await ann.goto(base);
  await shot(ann, "home.png");
});

await test("two people register", async () => {
  await ann.goto(`${base}/account/register`);
  await shot(ann, "register.png");
  await fillIn(ann, "/account/register", `ann.${tag}`, "correct horse");
  await fillIn(ben, "/account/register", `ben.${tag}`, "battery staple");
  for (const page of [ann, ben]) {
    await page.goto(`${base}/chat`);
    await connected(page);
  }
}, { timeout: 30000 });

await test("they meet in a room and talk", async () => {
  await enter(ann, "lobby");
  await ben.click("[data-to=rooms]");
  await enter(ben, "lobby");
  await shows(ann, "#users", `ben.${tag}`);
  await say(ann, "Hello <b>Ben</b>, do you read me?");
  await shows(ben, "#messages", "Hello <b>Ben</b>, do you read me?");
  await say(ben, "Loud and clear.");
  await shows(ann, "#messages", "Loud and clear.");
  assert.equal(await ann.$("#messages b"), null);
  await shot(ann, "chat.png");
  await shot(ben, "chat-phone-dark.png");
  await say(ben, "👋");		// Debian's Chromium has no picture of it
  await shows(ann, "#messages", "👋");
}, { timeout: 30000 });

await test("who comes later reads what was said", async () => {
  await ben.reload();
  await connected(ben);
  await shows(ben, "#messages", "Hello <b>Ben</b>");
});

// At once if the browser says goodbye; one that was still polling says
// nothing, and is waited for as long as the chat's grace (10 s).
await test("who leaves is seen to leave", async () => {
  await ben.goto(base);
  await ann.waitForFunction((name) =>
    !document.querySelector("#users").textContent.includes(name),
  { timeout: 15000 }, `ben.${tag}`);
});

await test("logging out ends the chat in every tab", async () => {
  const tab = await ann.browserContext().newPage();
  await tab.goto(`${base}/chat`);
  await connected(tab);
  await ann.bringToFront();
  await press(ann, "#log-out");
  await tab.waitForFunction(
    () => document.body.dataset.state !== "connected", { polling: 100 });
  await ann.goto(`${base}/chat`);
  assert.match(ann.url(), /\/account\/login/);
  await shot(ann, "login.png");
});

// Ann at her desk, and Ann's phone.
const phone = await visitor(390, 844, "dark");
const inChat = async (page, password) => {
  await fillIn(page, "/account/login", `ann.${tag}`, password);
  await connected(page);
};
const devices = (page) => page.$$eval(".devices li", (all) => all.length);
// The chat page asks to log in by itself. Its client, refused, sends a poll and
// closes its session in the same moment, and the latter may get there first:
// then the poll is rightly answered with 400.
let away = 0;
async function turnedAway(page) {
  away++;
  await page.waitForFunction(
    () => location.pathname.endsWith("/account/login") &&
      document.readyState === "complete", { timeout: 10000, polling: 100 });
}

async function changePassword(page, now, then) {
  await page.type("#password", now);
  await page.type("#new_password", then);
  await press(page, "form[action$='/account/password'] button");
}

await test("a device is logged out from another", async () => {
  await inChat(ann, "correct horse");
  await inChat(phone, "correct horse");
  await press(ann, ".who");
  await shows(ann, ".devices", "this device");
  assert.equal(await devices(ann), 2);
  await shot(ann, "account.png", true);
  await press(ann, ".devices button");
  await shows(ann, ".flash", "That session has ended.");
  assert.equal(await devices(ann), 1);
  await turnedAway(phone);
}, { timeout: 30000 });

await test("all others are logged out at once", async () => {
  await inChat(phone, "correct horse");
  await ann.reload();
  await press(ann, "form[action$='end-others'] button");
  await shows(ann, ".flash", "You are logged in here alone now.");
  assert.equal(await ann.$("form[action$='end-others']"), null);
  await turnedAway(phone);
}, { timeout: 30000 });

await test("a new password logs the others out", async () => {
  await inChat(phone, "correct horse");
  await changePassword(ann, "wrong horse", "battery staple");
  await shows(ann, ".flash.error", "That is not your password.");
  await changePassword(ann, "correct horse", "battery staple");
  await shows(ann, ".flash", "Your password is changed.");
  await turnedAway(phone);
  await fillIn(phone, "/account/login", `ann.${tag}`, "correct horse");
  await shows(phone, ".flash.error", "Wrong name or password.");
  await inChat(phone, "battery staple");
  await phone.goto(`${base}/account`);
  await shot(phone, "account-phone-dark.png", true);
}, { timeout: 30000 });

await test("an account is deleted, on all devices", async () => {
  await ann.goto(`${base}/chat`);
  await connected(ann);
  await press(phone, "a[href$='/account/delete']");
  await phone.type("#password", "battery staple");
  await press(phone, "main form button");
  await shows(phone, ".flash", "Your account is deleted.");
  await turnedAway(ann);
  await fillIn(ann, "/account/login", `ann.${tag}`, "battery staple");
  await shows(ann, ".flash.error", "Wrong name or password.");
}, { timeout: 30000 });

await test("what they said went compressed", async () => {
  assert.ok(agreed.length >= 3);
  for (const extensions of agreed)
    assert.match(extensions ?? "none", /^permessage-deflate;/);
});

await test("no script complained, and nothing was blocked", async () => {
  const late = complaints.filter((line) =>
    /400 \(Bad Request\) \S+transport=polling&t=\w+&sid=/.test(line));
  assert.ok(late.length <= away, `${late.length} of ${away}`);
  assert.deepEqual(complaints.filter((line) => !late.includes(line)), []);
});

await browser.close();
rmSync(profile, { recursive: true, force: true });
process.exit(0);
