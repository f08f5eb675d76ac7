// The Node server that engine_echo is compared with: node engine_server.mjs
// OPTIONS, where OPTIONS is JSON for engine.io. Prints the port it listens on.
import { createServer } from "node:http";
import { Server } from "engine.io";

const options = JSON.parse(process.argv[2] ?? "{}");
const http = createServer((request, response) => {
  response.writeHead(404);
  response.end();
});
const engine = new Server(options);

engine.attach(http, { path: "/socket.io", ...options });
engine.on("connection", (socket) => {
  socket.on("message", (data) => {
    if (data === "please close") socket.close();
    else socket.send(data);
  });
});
http.listen(0, "127.0.0.1", () => console.log(http.address().port));
