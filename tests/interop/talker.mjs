// A client that talks in a room, and keeps an account of what it heard.
import { io } from "socket.io-client";
import { assert } from "./tap.mjs";

export const MESSAGES = 3;	// at a time
export const ROOM = 10;		// clients in it

export class Client {
  constructor(number, base, cookie, transports = ["polling"]) {
    this.number = number;
    this.room = `room-${Math.floor(number / ROOM)}`;
    this.lost = [];		// why it lost its connection
    this.faults = [];		// what was out of order
    this.attempts = 0;		// to come back
    this.heard = new Map();	// sender to the last number
    this.got = 0;
    this.socket = io(`${base}/packtchat`, {
      forceNew: true, transports,
      extraHeaders: { cookie }, timeout: 60000,
    });
    this.socket.on("disconnect", (reason, details) =>
      this.lost.push(`${reason} ${details?.context?.responseText ?? ""}`));
    this.socket.io.on("reconnect_attempt", () => this.attempts++);
    this.socket.on("AddChat", (chat) => this.#hear(chat));
  }

  #hear(chat) {
    const [from, number] = chat.message.split(" ").map(Number);
    const last = this.heard.get(from) ?? -1;
    if (number !== last + 1) this.faults.push(`${from}: ${last}, ${number}`);
    this.heard.set(from, number);
    this.got++;
  }

  get worker() {
    return this.sid.slice(this.sid.lastIndexOf(".") + 1);
  }

  async come() {
    if (!this.socket.connected)
      await new Promise((resolve) => this.socket.once("connect", resolve));
    this.sid = this.socket.io.engine.id;
    await this.socket.emitWithAck("AddRoom", { name: this.room });
  }

  async talk(from) {
    for (let n = from; n < from + MESSAGES; n++)
      await this.socket.emitWithAck("AddChat",
        { room: this.room, message: `${this.number} ${n}` });
  }
}

export async function until(what, done, ms = 60000) {
  const end = Date.now() + ms;
  while (!done()) {
    assert.ok(Date.now() < end, `not in time: ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
