// Two people in Debian's Chromium: register, enter a room, talk, log out.
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
    if (message.type() === "error") complaints.push(message.text());
  });
  return page;
}

async function fillIn(page, path, username, password) {
  await page.goto(base + path);
  await page.type("input[name=username]", username);
  await page.type("input[name=password]", password);
  await Promise.all([page.waitForNavigation(),
    page.click("main form button, form.card button")]);
}

// Connected, and the upgrade over: a session that ends in the middle of it
// leaves a request that is rightly answered with 400.
const connected = (page) => page.waitForFunction(
  () => document.body.dataset.state === "connected" &&
    socket.io.engine.transport.name === "websocket", { polling: 50 });
const shows = (page, selector, text) => page.waitForFunction(
  (s, t) => document.querySelector(s)?.textContent.includes(t),
  { timeout: 10000 }, selector, text);
const shot = (page, name) => page.screenshot({ path: join(shots, name) });

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
  await say(ben, "Loud and clear 👋");
  await shows(ann, "#messages", "Loud and clear 👋");
  assert.equal(await ann.$("#messages b"), null);
  await shot(ann, "chat.png");
  await shot(ben, "chat-phone-dark.png");
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
  await Promise.all([ann.waitForNavigation(), ann.click("#log-out")]);
  await tab.waitForFunction(
    () => document.body.dataset.state !== "connected", { polling: 100 });
  await ann.goto(`${base}/chat`);
  assert.match(ann.url(), /\/account\/login/);
  await shot(ann, "login.png");
});

await test("what they said went compressed", async () => {
  assert.ok(agreed.length >= 3);
  for (const extensions of agreed)
    assert.match(extensions ?? "none", /^permessage-deflate;/);
});

await test("no script complained, and nothing was blocked", async () => {
  assert.deepEqual(complaints, []);
});

await browser.close();
rmSync(profile, { recursive: true, force: true });
process.exit(0);
