#!/bin/bash
# The chat under valgrind: no error, and nothing lost at the end.
. "${srcdir:-.}/tests/lib.sh"
need nginx redis-cli
need_interop
[ "${TANDEM_SANITIZED-}" != yes ] || skip_all "the sanitizers look for leaks here"
use_valgrind
write_conf
stack_start || exit 1
INTEROP_SECONDS=240 interop_tests leaks.mjs "$(url)"
ok "valgrind found no error and no leak" stack_stop
done_testing
