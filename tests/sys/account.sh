#!/bin/bash
# The account's own page, and what ends when a session does.
. "${srcdir:-.}/tests/lib.sh"
need nginx redis-cli
need_interop
write_conf
stack_options+=(account.hash_ops=1 account.hash_memory=8k)
stack_start || exit 1
interop_tests account.mjs "$(url)"
done_testing
