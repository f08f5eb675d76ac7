#!/bin/bash
# examples/site behind nginx: what the framework promises, as clients see it.
. "${srcdir:-.}/tests/lib.sh"
need nginx curl
start_site

# ask ARGUMENT... PATH: prints the status; $tmp/head and $tmp/body have the rest.
ask()
{
	: >"$tmp/body"
	curl -s -m 20 -D "$tmp/head" -o "$tmp/body" -w '%{http_code}' \
	    "${@:1:$#-1}" "$(url "${!#}")"
}

# header NAME: of the last answer.
header()
{
	sed -n "s/^$1: *\([^\r]*\).*/\1/ip" "$tmp/head"
}

body()
{
	cat "$tmp/body"
}

json()
{
	ask -H 'Content-Type: application/json' --data-binary "$1" /notes
}

# logged STATUS REASON: the log says so, of the request before this line.
logged()
{
	wait_for 5 logs "$@"
}

logs()
{
	tail -n +"$((said + 1))" "$tmp/site.log" |
	    grep -q "web.error.* status=$1 reason=\"$2"
}

# refused WANTED REASON GOT: the log names the cause.
refused()
{
	is "$3" "$1" "$2: $1"
	ok "... and the log says why" logged "$1" "$2"
	said=$(wc -l <"$tmp/site.log")
}
said=0

# ---- Server-sent events ------------------------------------------------------

# listen COUNT: begins to listen for that many events.
listen()
{
	: >"$tmp/events"
	curl -sN -m 30 -D "$tmp/events.head" "$(url "/notes/events?count=$1")" \
	    >"$tmp/events" &
	listener=$!
}

heard()
{
	wait_for 10 grep -q "^data: $1" "$tmp/events"
}

is "$(json '{"text":"one \u00e9\n"}')" 201 "a note as JSON"
is "$(header location)" /notes/1 "and where it is"
listen 2
ok "the first event is there while the second is not made" heard 'one é'
ok "and the answer goes on" kill -0 $listener
like "$(<"$tmp/events.head")" 'Content-Type: text/event-stream' \
    "as server-sent events"
is "$(ask --data-urlencode 'text=two & three' /notes)" 201 "a note as a form"
ok "then the second comes" heard 'two & three'
ok "and the answer ends" wait $listener
is "$(grep -c '^id: ' "$tmp/events")" 2 "after these two"
curl -sN -m 20 -H 'Last-Event-ID: 1' "$(url '/notes/events?count=1')" \
    >"$tmp/events"
is "$(grep ^data "$tmp/events")" 'data: two & three' \
    "who comes back hears only what is new"

# Ten are more than have a thread: each that is gone must give its own back.
for n in 1 2 3 4 5 6 7 8 9 10; do
	listen 99
	heard 'two & three' || break
	kill -KILL $listener
	wait $listener 2>"$tmp/killed"
done
is "$n" 10 "clients that go in the middle take no thread with them"
for n in 1 2 3 4 5 6 7 8 9; do
	[ "$(ask -m 5 -I /notes/events)" = 200 ] || break
done
is "$n" 9 "HEAD does not wait for events"
is "$(json '{"text":"three"}')" 201 "nor does a note for those who have gone"

# ---- Notes -------------------------------------------------------------------

is "$(ask /notes/2)" 200 "a note"
is "$(body)" '{"id":2,"text":"two & three"}' "is what was sent"
etag=$(header etag) length=$(header content-length)
is "$(ask -H "If-None-Match: $etag" /notes/2) $(body)" "304 " \
    "and a 304 to whoever has it"
is "$(ask -H 'If-None-Match: "other"' /notes/2)" 200 "but not to others"
is "$(ask -I /notes/2) $(header etag)" "200 $etag" "HEAD gets the same head"
is "$(header content-length)" "$length" "with the length of what GET gets"
is "$(ask -X DELETE /notes/2) $(header allow)" "405 GET, HEAD, OPTIONS" \
    "another method is a 405 that says which there are"
is "$(ask -X PUT /notes) $(header allow)" "405 POST, OPTIONS" \
    "and on the other route"
is "$(ask -X OPTIONS /notes) $(header allow)" "204 POST, OPTIONS" \
    "as OPTIONS does"

head -c 70000 /dev/zero | tr '\0' a >"$tmp/70k"
head -c 110000 /dev/zero | tr '\0' 1 >"$tmp/110k"
said=$(wc -l <"$tmp/site.log")
refused 404 "no such note" "$(ask /notes/99)"
refused 400 "a body that is no JSON" "$(json '{"text":')"
refused 400 "a note of 0 bytes" "$(json '{}')"
refused 400 "a note that is no text" "$(json '{"text":1}')"
refused 400 "% without two hex digits" "$(ask -d 'text=%zz' /notes)"
refused 413 "a body of more than 102400 bytes" "$(json "@$tmp/110k")"
refused 413 "a body of more than 65536 bytes" \
    "$(ask --data-binary "@$tmp/70k" /notes)"
refused 413 "a body of more than 65536 bytes" \
    "$(ask -H 'Transfer-Encoding: chunked' --data-binary "@$tmp/70k" /notes)"
refused 415 "a body that is no form" \
    "$(ask -H 'Content-Type: text/plain' -d hello /notes)"
refused 415 "a charset other than UTF-8" "$(ask -d '{}' \
    -H 'Content-Type: application/json; charset=utf-16' /notes)"
refused 415 "a Content-Encoding" "$(ask -d '{}' \
    -H 'Content-Type: application/json' -H 'Content-Encoding: br' /notes)"

# ---- Files -------------------------------------------------------------------

for n in {100..349}; do
	echo "$n"
done >"$tmp/file"
is "$(ask -F "file=@$tmp/file;filename=../a.html" /files)" 201 "an upload"
file=$(header location)
like "$file" '^/files/[A-Za-z0-9_-]{16}$' "gets a name of ours"
is "$(ask "$file")" 200 "it can be read"
ok "byte for byte" cmp "$tmp/file" "$tmp/body"
etag=$(header etag) date=$(header last-modified)
is "$(ask -r 0-3 "$file") $(header content-range) $(body)" \
    "206 bytes 0-3/1000 100" "a part"
is "$(ask -r -4 "$file") $(header content-range) $(body)" \
    "206 bytes 996-999/1000 349" "its end"
is "$(ask -r 0-2,996-998 "$file")" 206 "several parts"
is "$(grep -ac '^100\|^349\|^Content-Range: bytes ' "$tmp/body")" 4 \
    "each with its range"
is "$(ask -r 1000- "$file") $(header content-range)" "416 bytes */1000" \
    "none that is not there"
is "$(ask -r 0-3 -H "If-Range: $etag" "$file")" 206 "a part of the same file"
is "$(ask -r 0-3 -H 'If-Range: "old"' "$file")" 200 "but all of another"
is "$(ask -H "If-None-Match: $etag" "$file")" 304 "304 by its tag"
is "$(ask -H "If-Modified-Since: $date" "$file")" 304 "and by its date"
is "$(ask -H 'If-Match: "old"' "$file")" 412 "412 for another's tag"
is "$(ask -I "$file") $(header content-length)" "200 1000" "HEAD"
is "$(ask -X DELETE "$file") $(header allow)" "405 GET, HEAD, OPTIONS" \
    "a file cannot be deleted"

upload()
{
	head -c "$1" /dev/zero >"$tmp/zeros"
	ask -F "file=@$tmp/zeros" /files
}

is "$(upload 262144)" 201 "a file of the most that may be"
said=$(wc -l <"$tmp/site.log")
refused 413 "multipart: too large a file" "$(upload 262145)"
refused 400 "a form without a file" "$(ask -F file=text /files)"
refused 400 "multipart: " "$(ask -d '--x' \
    -H 'Content-Type: multipart/form-data; boundary=x' /files)"
refused 404 "no such file" "$(ask /files/site.log)"
refused 400 "path with dot segments" "$(ask /files/..%2fsite.log)"
is "$(find "$tmp/files" -type f | wc -l)" 2 "nothing is left of what was refused"

not_ok "none of it was an error of ours" grep ' error ' "$tmp/site.log"
listen 99
ok "with a stream open" heard three
ok "everything stops when asked" stack_stop
done_testing
