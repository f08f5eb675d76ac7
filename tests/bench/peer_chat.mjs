// The same chat on Node, as the chapter builds it and with today's packages:
// socket.io + ws + @socket.io/redis-adapter, the session read from Redis at
// the handshake, messages kept in a stream. The benchmark's point of
// comparison, and nothing else.
//
//	node peer_chat.mjs PORT REDIS_SOCKET SECRET
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { createClient } from "redis";
import { Server } from "socket.io";
import { createAdapter } from "@socket.io/redis-adapter";

const [port, redisPath, secret] = process.argv.slice(2);
const redis = createClient({ socket: { path: redisPath } });
const sub = redis.duplicate();
await Promise.all([redis.connect(), sub.connect()]);

function unsign(cookieHeader) {
  const pair = (cookieHeader ?? "").split("; ")
    .find((p) => p.startsWith("connect.sid="));
  if (!pair) return null;
  const value = decodeURIComponent(pair.slice("connect.sid=".length));
  if (!value.startsWith("s:")) return null;
  const dot = value.lastIndexOf(".");
  const sid = value.slice(2, dot);
  const want = createHmac("sha256", secret).update(sid)
    .digest("base64").replace(/=+$/, "");
  const got = value.slice(dot + 1);
  return got.length === want.length &&
    timingSafeEqual(Buffer.from(got), Buffer.from(want)) ? sid : null;
}

const http = createServer();
const io = new Server(http, { adapter: createAdapter(redis, sub) });
const chat = io.of("/packtchat");

chat.use(async (socket, next) => {
  const sid = unsign(socket.handshake.headers.cookie);
  const text = sid && await redis.get(`sess:${sid}`);
  const session = text && JSON.parse(text);
  if (!session?.isAuthenticated) return next(new Error("Not Authenticated"));
  socket.user = session.user;
  socket.sid = sid;
  next();
});

chat.on("connection", (socket) => {
  socket.emit("message", { message: "Hey!" });
  socket.emit("message", socket.user);
  socket.on("GetMe", (...args) => {
    const ack = args.at(-1);
    socket.emit("GetMe", socket.user);
    if (typeof ack === "function") ack(socket.user);
  });
  socket.on("AddRoom", async ({ name }, ack) => {
    await redis.zAdd("peer:rooms", { score: Date.now(), value: name });
    await redis.hSet(`peer:{${name}}:present`, socket.user.id,
      JSON.stringify(socket.user));
    socket.join(name);
    socket.broadcast.emit("AddRoom", { name });
    socket.to(name).emit("AddUser", socket.user);
    if (typeof ack === "function") ack({ name });
  });
  socket.on("AddChat", async ({ room, message }) => {
    if (!socket.rooms.has(room)) return;
    const said = { message, room, user: socket.user, date: Date.now() };
    await redis.xAdd(`peer:{${room}}:messages`, "*",
      { json: JSON.stringify(said) },
      { TRIM: { strategy: "MAXLEN", strategyModifier: "~", threshold: 10000 } });
    chat.to(room).emit("AddChat", said);
  });
});

http.listen(Number(port), "127.0.0.1", () => console.log("ready"));
