#!/bin/bash
# Express, express-session and connect-redis share our Redis and our secret.
. "${srcdir:-.}/tests/lib.sh"
need nginx redis-cli
need_interop
write_conf
stack_start || exit 1
interop_tests express.mjs "$(url)" "$stack_run/redis.sock" "$secret"
done_testing
