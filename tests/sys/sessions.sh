#!/bin/bash
# Our sessions beside express-session's: the same requests to both programs.
. "${srcdir:-.}/tests/lib.sh"
need redis-cli
need_interop
stack_start_redis || exit 1
interop_tests sessions.mjs "$stack_run/redis.sock" \
    "$TANDEM_BUILD/tests/session_peer"
done_testing
