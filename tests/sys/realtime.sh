#!/bin/bash
# The official client against the whole stack: log in through the pages, talk
# through both workers, over each transport.
. "${srcdir:-.}/tests/lib.sh"
need nginx redis-cli
need_interop
write_conf
stack_start || exit 1
interop_tests realtime.mjs "$(url)" "$secret"
ok "everything stops when asked, without an error" stack_stop
done_testing
