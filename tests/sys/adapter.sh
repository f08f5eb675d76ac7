#!/bin/bash
# A Node server with @socket.io/redis-adapter shares our rooms.
. "${srcdir:-.}/tests/lib.sh"
need nginx redis-cli
need_interop
write_conf
stack_start || exit 1
interop_tests adapter.mjs "$(url)" "$stack_run/redis.sock"
done_testing
