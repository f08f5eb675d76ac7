// A chat server that is honest, drops or doubles: "./dev bench" is tested
// with it, since a load generator that misses a lost delivery is worth nothing.
//
//	node liar.mjs PORT honest|drop|double
import { createServer } from "node:http";
import { Server } from "socket.io";

const [port, manner] = process.argv.slice(2);
const http = createServer();
const chat = new Server(http).of("/packtchat");
let deliveries = 0;

chat.on("connection", (socket) => {
  socket.on("AddRoom", (room, ack) => ack(room));
  socket.on("AddChat", (said) => {
    for (const peer of chat.sockets.values()) {
      const lies = ++deliveries % 100 === 0;
      if (!(lies && manner === "drop")) peer.emit("AddChat", said);
      if (lies && manner === "double") peer.emit("AddChat", said);
    }
  });
});
http.listen(Number(port), "127.0.0.1");
