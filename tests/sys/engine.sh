#!/bin/bash
# Engine.IO alone: official clients, RFC 6455 by a table, and the same bytes
# to Node's server and to ours.
. "${srcdir:-.}/tests/lib.sh"
need_interop
echo=$TANDEM_BUILD/examples/engine_echo
[ -x "$echo" ] || lacking "examples/engine_echo is not built"

not_ok "engine_echo refuses what it does not know" "$echo" --colour
not_ok "and a number that is none" "$echo" --max-payload many
interop_tests engine_client.mjs "$echo"
interop_tests rfc6455.mjs "$echo"
interop_tests differential_engine.mjs "$echo"
done_testing
