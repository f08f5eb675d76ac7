#!/bin/bash
# The same behind Apache, with the sample for it.
. "${srcdir:-.}/tests/lib.sh"
need apache2 redis-cli
need_interop

start_apache()
{
	stack_port=$(stack_free_port)
	mkdir "$stack_run/tmp"
	stack_fill "$stack_etc/apache/tandem.conf.in" >"$stack_run/tandem.conf"
	stack_fill "$stack_etc/apache/private.conf.in" >"$stack_run/httpd.conf"
	# Apache's children never run as root; let them reach the sockets.
	[ "$(id -u)" != 0 ] || {
		chmod 711 "$stack_run"
		chmod 666 "$stack_run"/fcgi.sock "$stack_run"/ws-?.sock
	}
	stack_spawn apache "$(PATH=$PATH:/usr/sbin command -v apache2)" \
	    -d "$stack_run" -f httpd.conf -DFOREGROUND
	stack_front_ready apache
}

write_conf
stack_start_redis && stack_start_fcgi && stack_start_ws a &&
    stack_start_ws b && start_apache || exit 1
interop_tests realtime.mjs "$(url)" "$secret"
ok "everything stops when asked, without an error" stack_stop
done_testing
