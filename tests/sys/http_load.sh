#!/bin/bash
# The HTTP load generator notices wrong, missing and surplus answers.
. "${srcdir:-.}/tests/lib.sh"
need node redis-cli
[ -x "$TANDEM_BUILD/tests/bench/http_load" ] ||
    lacking "tests/bench/http_load is not built"
stack_start_redis || exit 1
port=$(stack_free_port)
printf 'GET / HTTP/1.1\r\nHost: test\r\nCookie: @COOKIE@\r\n\r\n' >"$tmp/get"

# Every hundredth answer is as the manner says; the others are right.
cat >"$tmp/liar.cjs" <<'END'
const [port, manner] = process.argv.slice(2);
const right = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright";
const lies = {
  status: right.replace("200 OK", "500 Oops"),
  body: right.replace("right", "wrong"),
  double: right + right,
  short: right.replace("right", "ri"),
  garbage: "what do you want?\r\n\r\n",
  endless: right.replace("5", "99999999999999999999"),
  chunked: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
    "5\r\nright\r\nA\r\nagain and \r\n0\r\n\r\n",
  chunks: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
  closing: right.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"),
};
let n = 0;
require("node:net").createServer((socket) => {
  let cookies = new Set(), text = "";
  socket.on("error", () => {});
  socket.on("data", (data) => {
    text += data;
    if (!text.endsWith("\r\n\r\n")) return;
    const signed = /Cookie: connect\.sid=s%3A/.test(text);
    text = "";
    if (!signed) return socket.end("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    const lie = ++n % 100 === 0 ? lies[manner] : undefined;
    socket.write(lie ?? right);
    if (["short", "garbage", "closing"].includes(manner) && lie) socket.end();
  });
}).listen(Number(port), "127.0.0.1");
END

listens()
{
	(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null
}

# against MANNER: what the load generator says of such a server.
against()
{
	stack_spawn liar node "$tmp/liar.cjs" "$port" "$1"
	stack_ready liar listens
	said=$("$TANDEM_BUILD/tests/bench/http_load" --request "$tmp/get" \
	    --server "127.0.0.1:$port" --pid "${stack_pids[liar]}" \
	    --connections 4 --requests 1000 --warmup 50 --seconds 20 \
	    --marker right --sessions 10 --secret "not looked at by this one" \
	    --redis "unix:$stack_run/redis.sock" 2>&1)
	status=$?
	stack_end liar
}

against honest
is $status 0 "an honest server passes"
like "$said" ' ops=1000 .* wrong=0 reopened=0 body_bytes=5 ' \
    "each of its answers is counted, and the warm-up is not"
against chunked
is $status 0 "an answer in chunks is as good"
against closing
is $status 0 "a connection that the server ends is opened again"
like "$said" ' wrong=0 reopened=10 ' "and that is counted"
against status
is $status 1 "a server with a wrong status fails"
like "$said" ' wrong=10 ' "and each wrong status is counted"
against body
is $status 1 "a server with a wrong body fails"
like "$said" ' wrong=10 ' "and each wrong body is counted"
against double
is $status 1 "a server that answers twice fails"
for manner in short garbage endless chunks; do
	against $manner
	is $status 2 "no figures from a server whose answer is $manner"
	like "$said" 'an answer was cut short, or is none' "and it says why"
done
done_testing
