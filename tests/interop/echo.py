"""examples/echo with python-socketio, over each transport.

	python3 echo.py URL

Prints what tests/lib.sh's client_tests reads: "ok NAME" or "not ok NAME".
"""

import sys
import threading
import traceback

import socketio

ARGS = [
    (),
    (1, "2", {"3": [4, None, True]}),
    ("äöü – 😀",),
    (b"\x00\x01\xff",),
    ({"a": [b"x", {"b": b""}], "c": 1}, "z"),
    ("x" * 200000,),
]


def echoed(client, args, namespace):
    """One message and one ack, both with the same arguments."""
    got, came = [], threading.Event()

    def on_back(*back):
        got.append(back)
        came.set()

    client.on("message-back", on_back, namespace=namespace)
    client.emit("message", args, namespace=namespace)
    assert came.wait(10), "no message-back"
    assert got[0] == args, got[0]
    answer = client.call("message-with-ack", args, namespace=namespace,
                         timeout=10)
    wanted = args if len(args) > 1 else args[0] if args else None
    if isinstance(answer, list):
        answer = tuple(answer)
    assert answer == wanted, answer


def one_way(url, transports):
    """Connect, be told auth, echo, leave."""
    client, told, came = socketio.Client(), [], threading.Event()

    def on_auth(auth):
        told.append(auth)
        if len(told) == 2:
            came.set()

    for namespace in ("/", "/custom"):
        client.on("auth", on_auth, namespace=namespace)
    client.connect(url, transports=transports, auth={"k": "v"},
                   namespaces=["/", "/custom"], wait_timeout=10)
    assert came.wait(10), "no auth"
    assert told == [{"k": "v"}] * 2, told
    for args in ARGS:
        echoed(client, args, "/")
    echoed(client, ("there",), "/custom")
    client.disconnect()


def main(url):
    """Each transport is a test."""
    for transports in (["polling"], ["websocket"], ["polling", "websocket"]):
        name = "python: " + " then ".join(transports)
        try:
            one_way(url, transports)
            print("ok", name, flush=True)
        except Exception:
            print("not ok", name, flush=True)
            traceback.print_exc(file=sys.stdout)


main(sys.argv[1])
