#!/bin/bash
# Express, express-session and connect-redis share our Redis and our secrets,
# of which there is an older one; and a proxy before us says who the client is.
. "${srcdir:-.}/tests/lib.sh"
need nginx redis-cli
need_interop
write_conf
older=${secret:32}${secret:0:32}
sed -i "s/^secret = .*/&\nsecret = $older/" "$stack_conf"
stack_options+=("http.trust_proxy=loopback")
stack_start || exit 1
interop_tests express.mjs "$(url)" "$stack_run/redis.sock" "$secret" "$older"
wait_for 5 grep -q 'address=203\.0\.113\.7 method=GET path=/chat' \
    "$stack_run/fcgi.log"
is $? 0 "a request is its client's whom a trusted proxy names"
done_testing
