// The Node server that examples/echo is compared with: node socket_server.mjs
// OPTIONS, where OPTIONS is JSON for socket.io. Prints the port it listens on.
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer((request, response) => {
  response.writeHead(404);
  response.end();
});
const io = new Server(http, JSON.parse(process.argv[2] ?? "{}"));

function onConnection(socket) {
  socket.emit("auth", socket.handshake.auth);
  socket.on("message", (...args) => socket.emit("message-back", ...args));
  socket.on("message-with-ack", (...args) => args.pop()(...args));
}

io.on("connection", onConnection);
io.of("/custom").on("connection", onConnection);
http.listen(0, "127.0.0.1", () => console.log(http.address().port));
