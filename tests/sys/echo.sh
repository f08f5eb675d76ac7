#!/bin/bash
# examples/echo with everybody's clients: the official ones of Socket.IO 4 and
# 2, with the msgpack parser too, and Python's; and the same packets to it
# and to Node's server.
. "${srcdir:-.}/tests/lib.sh"
need_interop

# start NAME OPTION...: an echo of its own port, which $stack_port then is.
start()
{
	local name=$1

	shift
	stack_port=$(stack_free_port)
	stack_spawn "$name" "$TANDEM_BUILD/examples/echo" \
	    --port "$stack_port" "$@"
	stack_ready "$name" stack_answers \
	    "/socket.io/?EIO=4&transport=polling&sid=x" 400
}

start plain || exit 1
interop_tests echo.mjs "$(url)"
if /usr/bin/python3 -c 'import socketio, websocket' 2>"$tmp/python"; then
	client_tests echo.py /usr/bin/python3 "$srcdir/tests/interop/echo.py" \
	    "$(url)"
else
	skip "Python's client" "python3-socketio is not installed"
fi
ok "it stops when asked" stack_end plain

start compress --compress || exit 1
interop_tests compression.mjs "$(url)"
ok "it stops when asked" stack_end compress

start recovery --recovery 1500 || exit 1
interop_tests recovery.mjs "$(url)" 1500
ok "it stops when asked" stack_end recovery

start v2 --allow-eio3 || exit 1
interop_tests echo2.mjs "$(url)"
ok "it stops when asked" stack_end v2

start msgpack --msgpack || exit 1
interop_tests echo_msgpack.mjs "$(url)"
ok "it stops when asked" stack_end msgpack

interop_tests differential_socket.mjs "$TANDEM_BUILD/examples/echo"
done_testing
