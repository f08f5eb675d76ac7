#!/bin/bash
# The official client against the whole stack: log in through the pages, talk
# through both workers, over each transport.
. "${srcdir:-.}/tests/lib.sh"
need nginx redis-cli
need_interop
write_conf
stack_start || exit 1
interop_tests realtime.mjs "$(url)" "$secret"

stack_end ws-a && stack_end ws-b && stack_end fcgi
stack_options+=(ws.parser=msgpack ws.per_message_deflate=yes
    ws.http_compression=yes)
stack_start_fcgi && stack_start_ws a && stack_start_ws b || exit 1
interop_tests packed_chat.mjs "$(url)"
ok "everything stops when asked, without an error" stack_stop
done_testing
