#!/bin/bash
# Engine.IO alone: official clients, RFC 6455 by a table, and the same bytes
# to Node's server and to ours.
. "${srcdir:-.}/tests/lib.sh"
need_interop
echo=$TANDEM_BUILD/examples/engine_echo
[ -x "$echo" ] || lacking "examples/engine_echo is not built"

not_ok "engine_echo refuses what it does not know" "$echo" --colour
not_ok "and a number that is none" "$echo" --max-payload many
interop_at_once "$echo" engine_client.mjs rfc6455.mjs differential_engine.mjs
done_testing
