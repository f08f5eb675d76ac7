// Starts the servers that a test talks to, and ends them with it.
import { spawn } from "node:child_process";
import net from "node:net";
import { createInterface } from "node:readline";

const children = [];

// Resolves with the port that the program prints as its first line.
export async function start(command, ...args) {
  const child = spawn(command, args,
    { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout }))
    return Number(line);
  throw new Error(`${command} ${args.join(" ")} did not start`);
}

export function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}

// The same for an example of ours, which is told its port.
export async function startEcho(program, ...args) {
  const port = await freePort();
  return startAt(port, program, "--listen", `127.0.0.1:${port}`, ...args);
}

// And for one whose arguments say which port that is.
export async function startAt(port, program, ...args) {
  const child = spawn(program, args,
    { stdio: ["ignore", "inherit", "inherit"] });
  children.push(child);
  for (let tries = 0; tries < 400; tries++) {
    if (await accepts(port)) return port;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${program} ${args.join(" ")} did not start`);
}

// Ends them; resolves with whether all ended by themselves, with status 0.
export async function stop() {
  const ends = children.map((child) => new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null)
      resolve(false);
    child.on("exit", (code) => resolve(code === 0 ||
      child.spawnfile === "node"));
    child.kill("SIGTERM");
  }));
  return (await Promise.all(ends)).every(Boolean);
}
