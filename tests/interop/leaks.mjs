// A short walk through everything that allocates, slow enough for valgrind.
//
//	node leaks.mjs URL
import { io } from "socket.io-client";
import { assert, once, test } from "./tap.mjs";
import { newUser } from "./site.mjs";

const [base] = process.argv.slice(2);
const tag = Date.now().toString(36);
const patience = { timeout: 60000 };

await test("register, look around, fail to log in, talk, log out", async () => {
  const ann = await newUser(base, `ann.${tag}`);
  for (const path of ["/", "/chat", "/account/login", "/no/such/page",
    "/assets/chat.js", "/assets/../secret"])
    await ann.get(path);
  await ann.logIn(`ann.${tag}`, "wrong password");
  const sockets = [];
  for (const transports of [["polling"], ["websocket"],
    ["polling", "websocket"]]) {
    const socket = io(`${base}/packtchat`, { forceNew: true, transports,
      reconnection: false, extraHeaders: { cookie: ann.cookie } });
    await once(socket, "connect", () => true, 20000);
    await socket.emitWithAck("AddRoom", { name: "leaks" });
    sockets.push(socket);
  }
  for (const [n, socket] of sockets.entries()) {
    await socket.emitWithAck("AddChat", { room: "leaks", message: `m${n}` });
    await socket.emitWithAck("GetChat", { room: "leaks" });
    await socket.emitWithAck("GetUser", { room: "leaks" });
    await socket.emitWithAck("GetRoom");
    socket.emit("unheard", Buffer.alloc(5000), { deep: Buffer.alloc(1) });
  }
  sockets[0].disconnect();
  const rest = sockets.slice(1).map((s) => once(s, "disconnect",
    () => true, 20000));
  await ann.logOut();
  await Promise.all(rest);
}, patience);

await test("strangers are refused", async () => {
  const socket = io(`${base}/packtchat`, { forceNew: true,
    reconnection: false });
  const [error] = await once(socket, "connect_error", () => true, 20000);
  assert.equal(error.message, "Not Authenticated");
  socket.disconnect();
}, patience);

setTimeout(() => process.exit(0), 200);
