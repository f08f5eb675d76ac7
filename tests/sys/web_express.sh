#!/bin/bash
# The same requests to examples/site and to the same routes in Express 5.
. "${srcdir:-.}/tests/lib.sh"
need nginx
need_interop
site=$TANDEM_BUILD/examples/site
[ -x "$site" ] || lacking "examples/site is not built"

mkdir "$tmp/files"
# shellcheck disable=SC2086  # WRAP is words
stack_spawn site ${WRAP-} "$site" "unix:$stack_run/fcgi.sock" "$tmp/files"
stack_ready site stack_accepts "$stack_run/fcgi.sock" || exit 1
stack_port=$(stack_free_port)
stack_write_nginx
stack_spawn nginx "$(stack_nginx_program)" -e stderr -p "$tmp" -c "$tmp/nginx.conf"
stack_ready nginx stack_answers / 404 || exit 1
interop_tests web.mjs "$(url)" "$tmp/files"
ok "everything stops when asked" stack_stop
done_testing
