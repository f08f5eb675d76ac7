// The chat page: the seed's events on one side, the page on the other.
//
// Text of people is put in with textContent alone. What is sent stands in the
// outbox until the server has it, under an id of our own, so that sending it
// again cannot make it appear twice.
"use strict";

const page = document.getElementById("chat");
const $ = (id) => document.getElementById(id);

const FIRST_ROOM = "lobby";
const ACK_MS = 8000;
const MESSAGE_BYTES = 4096;
const GONE_MS = 3000;			// away for less is not told
const TOGETHER_MS = 5 * 60 * 1000;	// messages that share one heading

const state = {
	me: null,
	room: null,		// where we want to be
	entered: false,		// the server has us there
	rooms: new Set(),
	users: new Map(),	// id: user
	leaving: new Map(),	// id: timer, of who left a moment ago
	shown: new Set(),	// ids of messages on the page
	lastId: -1,
	last: null,		// {user, when} of the message shown last, for grouping
	lastDay: undefined,
	outbox: [],		// {id, room, text, item, busy, tried, told, failed}
};

if (typeof io === "undefined") {
	page.dataset.state = "refused";
	$("state-text").textContent = "Not available";
	$("notice").textContent =
	    "The chat is away just now. Please load the page again in a moment.";
	$("notice").hidden = false;
	throw new Error("the Socket.IO client did not load");
}

const socket = io(page.dataset.namespace, {
	path: page.dataset.path,
	autoConnect: false,
});

// ---- Asking the server ------------------------------------------------------

async function ask(event, ...args) {
	const answer = await socket.timeout(ACK_MS).emitWithAck(event, ...args);
	if (answer && answer.error)
		throw new Error(answer.error);
	return answer;
}

function randomId() {
	const bytes = crypto.getRandomValues(new Uint8Array(12));
	return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

// ---- Small pieces of the page -----------------------------------------------

function element(tag, className, text) {
	const e = document.createElement(tag);
	if (className)
		e.className = className;
	if (text !== undefined)
		e.textContent = text;
	return e;
}

function nameOf(user) {
	return String(user?.displayName ?? "somebody");
}

function face(user) {
	let sum = 0;
	for (const c of String(user?.id ?? ""))
		sum = (sum * 31 + c.codePointAt(0)) % 9973;
	const e = element("span", `face face-${sum % 8}`,
	    Array.from(nameOf(user))[0] ?? "?");
	e.setAttribute("aria-hidden", "true");
	return e;
}

function setState(name, text) {
	page.dataset.state = name;
	$("state-text").textContent = text;
	setComposer();
}

function setComposer() {
	const open = state.room !== null && page.dataset.state !== "refused";
	$("message").disabled = !open;
	$("send").disabled = !open || $("message").value.trim() === "";
}

let noticeTimer;
function notice(text) {
	clearTimeout(noticeTimer);
	$("notice").textContent = text;
	$("notice").hidden = text === "";
	if (text)
		noticeTimer = setTimeout(() => notice(""), 6000);
}

function showPane(name) {
	page.dataset.pane = name;
	for (const button of document.querySelectorAll(".panes button"))
		button.setAttribute("aria-pressed", button.dataset.to === name);
}

// ---- Rooms ------------------------------------------------------------------

function showRooms() {
	const names = [...state.rooms].sort((a, b) => a.localeCompare(b));
	$("rooms").replaceChildren(...names.map((name) => {
		const item = element("li");
		const button = element("button", "", name);
		button.type = "button";
		if (name === state.room)
			button.setAttribute("aria-current", "true");
		button.addEventListener("click", () => goTo(name));
		item.append(button);
		return item;
	}));
}

function addRoom(room) {
	const name = typeof room === "string" ? room : room?.name;
	if (typeof name !== "string" || name === "" || state.rooms.has(name))
		return;
	state.rooms.add(name);
	showRooms();
}

// The room stands in the address, so that it can be reloaded, sent, left by
// the back button.
function goTo(name) {
	if (roomInAddress() === name)
		enter(name);
	else
		location.hash = encodeURIComponent(name);
	showPane("talk");
}

function roomInAddress() {
	try {
		return decodeURIComponent(location.hash.slice(1));
	} catch {
		return "";
	}
}

function clearTalk() {
	state.entered = false;
	state.users.clear();
	state.leaving.forEach(clearTimeout);
	state.leaving.clear();
	state.shown.clear();
	state.lastId = -1;
	state.last = null;
	state.lastDay = undefined;
	$("messages").replaceChildren();
	$("newer").hidden = true;
	showUsers();
}

function enter(name) {
	if (name !== state.room) {
		state.room = name;
		clearTalk();
		for (const sent of state.outbox.filter((s) => s.room !== name))
			forget(sent);
	}
	$("room-title").textContent = `# ${name}`;
	document.title = `${name} · Tandem`;
	state.rooms.add(name);
	showRooms();
	setComposer();
	if (socket.connected && !state.entered)
		arrive(name);
	if (matchMedia("(min-width: 46rem)").matches)
		$("message").focus();
}

// Into the room, then what was said there and who is in it.
async function arrive(name) {
	try {
		await ask("AddRoom", { name });
		if (state.room !== name)
			return;
		state.entered = true;
		await Promise.all([catchUp(name), meet(name)]);
		flush();
	} catch (error) {
		if (state.room !== name || !socket.connected)
			return;		// it is done again when we are back
		notice(error.message === "operation has timed out" ?
		    "The room does not answer. Trying again…" : error.message);
		setTimeout(() => {
			if (state.room === name && socket.connected)
				arrive(name);
		}, 3000);
	}
}

async function meet(name) {
	const users = await ask("GetUser", { room: name });
	if (state.room !== name)
		return;
	state.users = new Map(users.map((user) => [user.id, user]));
	showUsers();
}

// All that was said since the last message we have. Once at a time: whoever
// finds that something is missing meanwhile makes it look once more.
let catching = null;
async function catchUp(name) {
	if (catching?.name === name) {
		catching.again = true;
		return;
	}
	const mine = catching = { name, again: false };
	try {
		do {
			mine.again = false;
			await readOn(name);
		} while (mine.again && state.room === name);
	} finally {
		if (catching === mine)
			catching = null;
	}
	showBlank();
}

async function readOn(name) {
	for (let round = 0; round < 50; round++) {
		const since = state.lastId >= 0 ? { since: state.lastId } : {};
		const chats = await ask("GetChat", { room: name, ...since });
		if (state.room !== name)
			return;
		chats.forEach((chat) => showChat(chat));
		if (state.lastId < 0)
			state.lastId = 0;	// nothing was ever said here
		if (chats.length === 0 || since.since === undefined)
			break;
	}
}

// The numbers of a room have no gaps: a gap is what did not reach us.
function onChat(chat) {
	if (chat?.room !== state.room || !state.entered)
		return;		// what comes before we have entered is read then
	if (state.lastId < 0 || chat.id > state.lastId + 1)
		catchUp(state.room).catch(() => {});
	else
		showChat(chat);
}

// ---- People -----------------------------------------------------------------

function showUsers() {
	const users = [...state.users.values()].sort(
	    (a, b) => nameOf(a).localeCompare(nameOf(b)));
	$("users").replaceChildren(...users.map((user) => {
		const item = element("li");
		const name = element("span", "", nameOf(user));
		if (user.id === state.me?.id)
			name.append(" ", element("span", "you", "(you)"));
		item.append(face(user), name);
		return item;
	}));
	const n = users.length;
	$("people-count").textContent = n || "";
	$("room-note").textContent = n === 0 ? "" :
	    n === 1 ? "1 person here" : `${n} people here`;
}

function tell(user, verb) {
	if (user.id === state.me?.id)
		return;
	addItem(element("li", "event", `${nameOf(user)} ${verb}`));
	state.last = null;
}

function onEnter(user) {
	const leaving = state.leaving.get(user.id);

	if (leaving !== undefined) {
		clearTimeout(leaving);	// only a page loaded again
		state.leaving.delete(user.id);
	} else if (!state.users.has(user.id)) {
		tell(user, "came in");
	}
	state.users.set(user.id, user);
	showUsers();
}

function onLeave(user) {
	if (!state.users.delete(user.id))
		return;
	showUsers();
	state.leaving.set(user.id, setTimeout(() => {
		state.leaving.delete(user.id);
		tell(user, "left");
	}, GONE_MS));
}

// ---- Messages ---------------------------------------------------------------

const clock = new Intl.DateTimeFormat(undefined,
    { hour: "2-digit", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat(undefined,
    { weekday: "long", day: "numeric", month: "long" });

function isAtEnd() {
	const list = $("messages");
	return list.scrollHeight - list.scrollTop - list.clientHeight < 80;
}

function toEnd() {
	$("messages").scrollTop = $("messages").scrollHeight;
	$("newer").hidden = true;
}

// At the end of the list, or before what still waits to be sent.
function addItem(item, isMine) {
	const follow = isMine || isAtEnd();
	const list = $("messages");
	list.querySelector(".blank")?.remove();
	list.insertBefore(item, isMine ? null :
	    list.querySelector(".is-waiting, .is-failed"));
	if (follow)
		toEnd();
	else
		$("newer").hidden = false;
}

function showBlank() {
	if ($("messages").childElementCount > 0)
		return;
	$("messages").append(element("li", "blank",
	    "Nothing has been said here yet. Begin!"));
}

function messageItem(chat) {
	const date = new Date(chat.date);
	const when = Number.isNaN(date.getTime()) ? new Date() : date;
	const item = element("li", "message");
	const header = element("header");
	const time = element("time", "", clock.format(when));

	time.dateTime = when.toISOString();
	time.title = when.toLocaleString();
	header.append(element("span", "name", nameOf(chat.user)), time);
	item.append(face(chat.user), header, element("div", "text",
	    String(chat.message)));
	return { item, when };
}

function showDay(when) {
	const day = when.toDateString();
	if (state.lastDay === day)
		return;
	state.lastDay = day;
	addItem(element("li", "day", calendar.format(when)));
	state.last = null;
}

function showChat(chat) {
	if (chat?.room !== state.room || state.shown.has(chat.id))
		return;
	state.shown.add(chat.id);
	if (Number(chat.id) > state.lastId)
		state.lastId = Number(chat.id);
	takeFromOutbox(chat);
	const { item, when } = messageItem(chat);
	showDay(when);
	const together = state.last && state.last.user === chat.user?.id &&
	    when - state.last.when < TOGETHER_MS;
	if (together)
		item.classList.add("follows");
	state.last = { user: chat.user?.id, when };
	addItem(item);
}

// ---- Sending ----------------------------------------------------------------

function send(text) {
	const { item } = messageItem({ message: text, user: state.me,
	    date: Date.now() });
	const sent = { id: randomId(), room: state.room, text, item };

	item.classList.add("is-waiting");
	item.querySelector("time").textContent = "sending…";
	state.outbox.push(sent);
	addItem(item, true);
	flush();
}

function forget(sent) {
	sent.item.remove();
	state.outbox = state.outbox.filter((s) => s !== sent);
}

// Ours, as the server tells it to the room: no need to show it as waiting. It
// stays in the outbox until it is acknowledged.
function takeFromOutbox(chat) {
	if (chat.user?.id !== state.me?.id)
		return;
	const sent = state.outbox.find((s) => s.tried && !s.told &&
	    s.text === chat.message);
	if (!sent)
		return;
	sent.told = true;
	sent.item.remove();
}

// One at a time, so that they arrive in the order in which they were written.
async function flush() {
	const sent = state.outbox.find((s) => !s.failed);
	if (!sent || sent.busy || !state.entered || !socket.connected)
		return;
	sent.busy = sent.tried = true;
	try {
		await ask("AddChat", { room: sent.room, message: sent.text,
		    id: sent.id });
		forget(sent);
	} catch (error) {
		if (socket.connected && error.message !==
		    "operation has timed out")
			fail(sent, error.message);
	}
	sent.busy = false;
	if (state.outbox.includes(sent) && !sent.failed)
		setTimeout(flush, 2000);
	else
		flush();
}

function fail(sent, why) {
	const again = element("button", "again", "Try again");
	const header = sent.item.querySelector("header");

	sent.failed = true;
	sent.item.classList.replace("is-waiting", "is-failed");
	sent.item.querySelector("time").textContent = `not sent: ${why}`;
	again.type = "button";
	again.addEventListener("click", () => {
		again.remove();
		sent.failed = false;
		sent.item.classList.replace("is-failed", "is-waiting");
		sent.item.querySelector("time").textContent = "sending…";
		flush();
	});
	header.append(again);
}

function submit() {
	const text = $("message").value.trim();

	if (text === "" || state.room === null)
		return;
	if (new TextEncoder().encode(text).length > MESSAGE_BYTES) {
		notice("That is too long for one message. Please send it in parts.");
		return;
	}
	$("message").value = "";
	resize();
	send(text);
}

function resize() {
	const box = $("message");
	box.style.height = "auto";
	box.style.height = `${box.scrollHeight + 2}px`;
	setComposer();
}

// ---- The connection ---------------------------------------------------------

function toLogin() {
	location.assign(page.dataset.login);
}

socket.on("connect", async () => {
	setState("connected", "Connected");
	state.entered = false;
	socket.emit("GetMe");
	socket.emit("GetRoom");
	if (state.room !== null)
		arrive(state.room);
});

socket.on("disconnect", (reason) => {
	state.entered = false;
	setState("reconnecting", "Reconnecting…");
	if (reason === "io server disconnect")
		socket.connect();	// logged out? then this is refused
});

socket.on("connect_error", (error) => {
	if (error.message === "Not Authenticated") {
		setState("refused", "Not logged in");
		toLogin();
	} else if (socket.active) {
		setState("reconnecting", "Reconnecting…");
	} else if (error.data?.retry) {
		setState("reconnecting", "Reconnecting…");
		setTimeout(() => socket.connect(), 2000);
	} else {
		setState("refused", "Refused");
		notice(`The chat refused us: ${error.message}`);
	}
});

socket.on("GetMe", (me) => {
	state.me = me;
	$("me").textContent = nameOf(me);
	showUsers();
});

socket.on("GetRoom", (rooms) => {
	state.rooms = new Set(rooms.map((room) => room.name));
	if (state.room !== null)
		state.rooms.add(state.room);
	showRooms();
});

socket.on("AddRoom", addRoom);
socket.on("AddChat", onChat);

// The server was apart from the others for a while. All clients hear it at
// once, so each waits a little.
socket.on("Resync", () => setTimeout(() => {
	if (state.entered && socket.connected)
		arrive(state.room);
}, Math.random() * 1000));


socket.on("AddUser", onEnter);
socket.on("RemoveUser", onLeave);

// ---- The page ---------------------------------------------------------------

$("room-form").addEventListener("submit", (event) => {
	event.preventDefault();
	const name = $("room-name").value.trim();
	$("room-name").value = "";
	if (name !== "")
		goTo(name);
});

$("composer").addEventListener("submit", (event) => {
	event.preventDefault();
	submit();
	$("message").focus();
});

$("message").addEventListener("keydown", (event) => {
	if (event.key !== "Enter" || event.shiftKey || event.isComposing)
		return;
	event.preventDefault();
	submit();
});

$("message").addEventListener("input", resize);
$("newer").addEventListener("click", toEnd);
$("messages").addEventListener("scroll", () => {
	if (isAtEnd())
		$("newer").hidden = true;
});

document.querySelector(".panes").addEventListener("click", (event) => {
	const to = event.target.closest("button")?.dataset.to;
	if (to)
		showPane(to);
});

addEventListener("hashchange", () => enter(roomInAddress() || FIRST_ROOM));
addEventListener("online", () => socket.connect());

setState("connecting", "Connecting…");
enter(roomInAddress() || FIRST_ROOM);
socket.connect();
