#!/bin/bash
# Two people talk in a real browser and use their accounts; the pictures are kept
# in TANDEM_SHOTS.
. "${srcdir:-.}/tests/lib.sh"
need nginx redis-cli chromium
need_interop
shots=${TANDEM_SHOTS:-$TANDEM_BUILD/shots}
mkdir -p "$shots"
write_conf
stack_options+=(ws.per_message_deflate=yes ws.per_message_deflate_threshold=1)
stack_start || exit 1
interop_tests browser.mjs "$(url)" "$(command -v chromium)" "$shots"
for name in home register login chat chat-phone-dark account \
    account-phone-dark; do
	ok "a picture: $name.png" test -s "$shots/$name.png"
done
done_testing
