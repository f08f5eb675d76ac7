#!/bin/bash
# The pages as curl sees them: register, log in, log out, and what is refused.
. "${srcdir:-.}/tests/lib.sh"
need nginx redis-cli curl
write_conf
stack_start || exit 1
jar=$tmp/cookies

# page PATH [CURL-OPTION...]: the answer's head and body, cookies kept.
page()
{
	curl -sS -i --max-time 20 -b "$jar" -c "$jar" "${@:2}" "$(url "$1")"
}

# submit PAGE FIELD=VALUE...: fill in that page's form; ACTION sends it
# elsewhere, TOKEN in place of the page's own.
submit()
{
	local token fields=() field

	token=$(page "$1" | sed -n 's/.*name="_csrf" value="\([^"]*\)".*/\1/p')
	for field in "_csrf=${TOKEN-$token}" "${@:2}"; do
		fields+=(--data-urlencode "$field")
	done
	page "${ACTION:-$1}" -H "Origin: $(url)" "${fields[@]}"
}

status()
{
	sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p'
}

is "$(page / | status)" 200 "the front page"
is "$(page /chat | status)" 302 "the chat sends strangers away"
like "$(page /chat)" 'Location: /account/login' "to the log in"
is "$(page /no/such/page | status)" 404 "a page that is not there"
not_ok "which does not say why" grep -q 'no such page' <<<"$(page /no/page)"
is "$(page /assets/chat.js | status)" 200 "a file"
is "$(page /assets/../main.c --path-as-is | status)" 400 \
    "no way out of the folder"
like "$(submit /account/register username=joe password=short)" \
    'Location: /account/register' "a short password is refused"
like "$(page /account/register)" 'at least 8 characters' "and told why"
answer=$(submit /account/register username=joe password='correct horse')
is "$(status <<<"$answer")" 303 "who registers is let in"
like "$answer" 'Set-Cookie: connect\.sid=s%3A[^;]*; Path=/; HttpOnly; SameSite=Lax' \
    "with a signed cookie"
not_ok "which is not Secure over plain HTTP" grep -q '; Secure' <<<"$answer"
is "$(page /chat | status)" 200 "and sees the chat"
before=$(grep connect.sid "$jar")
is "$(ACTION=/account/logout submit /chat | status)" 303 "logs out"
is "$(page /chat | status)" 302 "and is a stranger again"
for user in joe nobody; do
	like "$(submit /account/login username=$user password=wrong-password)" \
	    'Location: /account/login' "a wrong password of $user"
	like "$(page /account/login)" 'Wrong name or password\.' \
	    "and $user is told no more than that"
done
is "$(TOKEN=forged submit /account/login username=joe \
    password='correct horse' | status)" 403 "a form without its proof"
is "$(submit /account/login username=JOE password='correct horse' | status)" \
    303 "the right password"
is "$(page /chat | status)" 200 "sees the chat again"
not_ok "under another session" grep -qF "$before" "$jar"
is "$(page '/socket.io/?EIO=4&transport=polling' | status)" 200 \
    "the socket server answers beside it"
is "$(page '/socket.io/?EIO=4&transport=smoke' | status)" 400 \
    "and refuses what it does not know"
like "$(page /socket.io/socket.io.min.js -I)" 'ETag: ' "and serves the client"

# Who cannot be put on the list of devices could not be logged out from there,
# by a new password or by hand: then nobody is logged in, whatever was saved.
known()
{
	redis --scan --pattern 'sess:*' | while read -r key; do
		redis get "$key"
	done | grep -c '"isAuthenticated":true'
}
devices="tandem:{$(redis hget 'tandem:{joe}:account' id)}:sessions"
is "$(redis exists "$devices")" 1 "there is a list of joe's devices"
is "$(ACTION=/account/logout submit /chat | status)" 303 "joe logs out"
redis del "$devices" >/dev/null
redis set "$devices" "not a list" >/dev/null
before=$(known)
answer=$(submit /account/login username=joe password='correct horse')
is "$(status <<<"$answer")" 500 "a log-in that cannot be listed fails"
is "$(page /chat | status)" 302 "and joe is a stranger"
is "$(known)" "$before" "of whom no session was left"
redis del "$devices" >/dev/null
is "$(submit /account/login username=joe password='correct horse' | status)" \
    303 "until it can be listed again"
is "$(redis hlen "$devices")" 1 "as the only one"
redis del "$devices" >/dev/null
redis set "$devices" "not a list" >/dev/null
is "$(ACTION=/account/logout submit /chat | status)" 500 \
    "a log-out that cannot be taken off the list is told"
is "$(page /chat | status)" 302 "but has ended the session"
is "$(known)" "$before" "for good"

# A session of Express may have the name of an account of ours, and is not its
# owner: it neither deletes it nor changes its password, by whatever it knows.
rm "$jar"
submit /account/register username=w password='correct horse' >"$tmp/shown"
write_session
for action in /account/password /account/delete; do
	token=$(curl -sS -H "Cookie: $cookie" "$(url /account/delete)" |
	    sed -n 's/.*name="_csrf" value="\([^"]*\)".*/\1/p' | head -n 1)
	is "$(curl -sS -i -H "Cookie: $cookie" -H "Origin: $(url)" \
	    --data-urlencode "_csrf=$token" -d 'password=correct+horse' \
	    -d 'new_password=another+horse' "$(url "$action")" | status)" 303 \
	    "$action of another's account is refused"
done
like "$(curl -sS -H "Cookie: $cookie" "$(url /account)")" \
    'not your password' "as by a wrong password"
rm "$jar"
is "$(submit /account/login username=w password='correct horse' | status)" \
    303 "and its owner logs in as before"
is "$(page /chat | status)" 200 "to the chat"

stack_end fcgi
stack_options+=(http.show_errors=yes)
ok "the pages start again, to say why they fail" stack_start_fcgi
like "$(page /no/page)" 'no such page' "and so they do"
like "$(page '/chat?a=%zz')" '% without two hex' "of what came in, too"
done_testing
