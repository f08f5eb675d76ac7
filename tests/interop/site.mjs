import { createHmac, randomBytes } from "node:crypto";

// The value of connect.sid.
export function sign(sid, secret) {
  const mac = createHmac("sha256", secret).update(sid).digest("base64");
  return encodeURIComponent(`s:${sid}.${mac.replace(/=+$/, "")}`);
}

// Somebody has logged in, as Redis has it: no page is asked.
export async function writeLogin(redis, secret, id) {
  const sid = randomBytes(18).toString("hex");
  await redis.set(`sess:${sid}`, JSON.stringify({
    cookie: { originalMaxAge: null, expires: null, httpOnly: true, path: "/" },
    isAuthenticated: true,
    user: { id, displayName: id, provider: "local" },
  }), { EX: 3600 });
  return { sid, cookie: `connect.sid=${sign(sid, secret)}` };
}

// A visitor of the site without a browser: keeps cookies, fills in forms.
export class Visitor {
  #jar = new Map();

  constructor(base) {
    this.base = base;
  }

  get cookie() {
    return [...this.#jar].map(([k, v]) => `${k}=${v}`).join("; ");
  }

  set cookie(header) {
    for (const pair of header.split("; "))
      this.#keep(pair);
  }

  #keep(setCookie) {
    const [pair, ...attributes] = setCookie.split(/; */);
    const at = pair.indexOf("=");
    const name = pair.slice(0, at);
    const gone = attributes.some((a) => /^expires=.*1970/i.test(a));
    if (gone) this.#jar.delete(name);
    else this.#jar.set(name, pair.slice(at + 1));
  }

  async #fetch(path, options = {}) {
    const answer = await fetch(new URL(path, this.base), {
      redirect: "manual",
      ...options,
      headers: { ...options.headers,
        ...(this.#jar.size ? { cookie: this.cookie } : {}) },
    });
    answer.headers.getSetCookie().forEach((line) => this.#keep(line));
    return answer;
  }

  get(path) {
    return this.#fetch(path);
  }

  // Read a page's form, then send it with these fields filled in.
  async submit(page, fields, action = page) {
    const text = await (await this.get(page)).text();
    const token = /name="_csrf"\s+value="([^"]*)"/.exec(text)?.[1] ?? "";
    return this.post(action, { _csrf: token, ...fields });
  }

  post(path, fields) {
    return this.#fetch(path, {
      method: "POST",
      headers: { origin: new URL(this.base).origin },
      body: new URLSearchParams(fields),
    });
  }

  register(username, password) {
    return this.submit("/account/register", { username, password });
  }

  logIn(username, password) {
    return this.submit("/account/login", { username, password });
  }

  async logOut() {
    return this.submit("/chat", {}, "/account/logout");
  }
}

export async function newUser(base, username, password = "correct horse") {
  const visitor = new Visitor(base);
  const answer = await visitor.register(username, password);
  if (answer.status !== 302 && answer.status !== 303)
    throw new Error(`register ${username}: ${answer.status}`);
  return visitor;
}
