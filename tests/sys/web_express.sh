#!/bin/bash
# The same requests to examples/site and to the same routes in Express 5.
. "${srcdir:-.}/tests/lib.sh"
need nginx
need_interop
start_site
interop_tests web.mjs "$(url)" "$tmp/files"
ok "everything stops when asked" stack_stop
done_testing
