/* Recovery across nodes: two in one process, each with its own link to one
 * Redis, and a third party that looks at and spoils what Redis has. */
#include "config.h"

#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/random.h"
#include "check_alloc.h"
#include "check_main.h"
#include "cluster/redis_adapter.h"
#include "io/adapter.h"
#include "io_client.h"
#include "poll_loop.h"
#include "redis/link.h"
#include "redis_server.h"

#define S(s) TN_SLICE(s)

enum { WAIT_MS = 5000, WINDOW_MS = 60000, SHORT_MS = 400 };

struct node {
	struct tn_link *link;
	struct tn_adapter *adapter;
	struct tn_io *io;
	struct tn_ns *root;
	struct tn_socket *last;
	int ups;
};

static struct redis_server server;
static struct tn_redis_options options;
static struct poll_loop loop;
static struct node one, two;
static struct tn_link *third;
static struct io_client a, b, c;
static int window_ms, events;
static bool is_sharded;
static char id[64], pid[64], offset[64];
static long long integer;
static char text[65536];
static bool is_answered;

/* ---- the nodes ------------------------------------------------------------*/

static void
on_up(void *arg)
{
	struct node *n = arg;

	n->ups++;
	if (n->adapter != NULL)
		tn_redis_adapter_on_up(n->adapter);
}

/* In room "r" from the beginning, and with data. */
static void
on_connection(struct tn_socket *s, void *arg)
{
	struct node *n = arg;

	n->last = s;
	if (tn_socket_recovered(s))
		return;
	tn_socket_join(s, S("r"));
	tn_socket_set_data_json(s, S("{\"of\":1}"));
}

/* Who it is stands in the CONNECT payload. */
static void
step(struct tn_socket *s, struct tn_next *next, void *arg)
{
	struct tn_slice who;

	(void)arg;
	if (tn_json_get(tn_socket_auth(s), "who", &who))
		tn_socket_set_owner(s, who);
	tn_next_ok(next);
}

static void
node_serve(struct node *n)
{
	const struct tn_io_options io_options = {
		.recovery_window_ms = window_ms,
	};
	const struct tn_redis_adapter_options adapter_options = {
		.link = n->link, .is_sharded = is_sharded,
		.recovery_events = events, .requests_timeout_ms = 300,
	};

	n->adapter = tn_redis_adapter_new(&adapter_options, NULL);
	n->io = tn_io_new(&io_options, &loop.loop.wheel, NULL, NULL);
	tn_io_set_adapter(n->io, n->adapter);
	n->root = tn_io_of(n->io, "/");
	ck_assert_ptr_nonnull(n->root);
	tn_ns_use(n->root, step, NULL);
	tn_ns_on_connection(n->root, on_connection, n);
}

static void
node_start(struct node *n)
{
	const struct tn_link_hooks hooks = { .on_up = on_up, .arg = n };

	*n = (struct node){ .ups = 0 };
	n->link = tn_link_new(&loop.loop, NULL, &options, &hooks, NULL);
	node_serve(n);
}

static void
node_stop(struct node *n)
{
	tn_io_free(&n->io);
	tn_redis_adapter_free(&n->adapter);
	tn_link_free(&n->link);
}

static bool
are_up(void *arg)
{
	int ups = *(int *)arg;

	return one.ups >= ups && two.ups >= ups && tn_link_is_up(third);
}

static void
wait_up(int ups)
{
	ck_assert(poll_loop_until(&loop, are_up, &ups, WAIT_MS));
}

/* ---- Redis ----------------------------------------------------------------*/

static void
on_answer(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	(void)arg;
	ck_assert_msg(err == NULL, "%s", err == NULL ? "" : err->text);
	integer = tn_reply_integer(reply);
	snprintf(text, sizeof(text), "%.*s",
	    TN_SLICE_ARG(tn_reply_text(reply)));
	is_answered = true;
}

static bool
has_answered(void *arg)
{
	(void)arg;
	return is_answered;
}

static long long
ask(const char *line)
{
	struct tn_slice words[REDIS_WORDS];
	size_t n = redis_words(line, words);

	is_answered = false;
	ck_assert_int_eq(tn_link_call(third, words, n, on_answer, NULL), 0);
	ck_assert(poll_loop_until(&loop, has_answered, NULL, WAIT_MS));
	return integer;
}

static long long
ask_of(const char *command, const char *suffix, const char *rest)
{
	char line[256];

	snprintf(line, sizeof(line), "%s tandem:{socket.io#/#}:%s%s",
	    command, suffix, rest);
	return ask(line);
}

/* All the two have asked Redis is answered, and all told has come. */
static void
settle(void)
{
	for (int i = 0; i < 6; i++) {
		tn_engine_flush(tn_io_engine(one.io));
		tn_engine_flush(tn_io_engine(two.io));
		poll_loop_turn(&loop, 1);
		if (tn_link_is_up(third))
			ask("PING");
	}
}

struct wanted {
	struct io_client *client;
	const char *text;
};

static bool
has_come(void *arg)
{
	const struct wanted *w = arg;

	return io_client_heard(w->client, w->text);
}

static void
expect(struct io_client *client, const char *what)
{
	struct wanted w = { client, what };

	ck_assert_msg(poll_loop_until(&loop, has_come, &w, WAIT_MS),
	    "no %s in %s", what, client->heard);
}

/* ---- clients --------------------------------------------------------------*/

static void
copy_after(char out[64], const char *in, const char *after)
{
	const char *at = strstr(in, after);

	ck_assert_msg(at != NULL, "%s in %s", after, in);
	snprintf(out, 64, "%.*s", (int)strcspn(at + strlen(after), "\""),
	    at + strlen(after));
}

static void
join(struct io_client *client, struct node *n)
{
	io_client_open(client, n->io, NULL);
	io_client_say(client, "40{\"who\":\"ann\"}");
	expect(client, "40{\"sid\"");
	copy_after(id, client->heard, "40{\"sid\":\"");
	copy_after(pid, client->heard, "\"pid\":\"");
	settle();
	io_client_forget(client);
}

static void
emit(struct node *n, const char *room, const char *arg)
{
	ck_assert_int_ge(tn_emit(tn_in(n->root, tn_slice_str(room)), "e",
	    tn_slice_str(arg)), 0);
}

/* It has heard the event, whose offset is the last it knows. */
static void
hear(struct io_client *client, const char *arg)
{
	char event[64];

	snprintf(event, sizeof(event), "42[\"e\",%s,\"", arg);
	expect(client, event);
	copy_after(offset, client->heard, event);
	io_client_forget(client);
}

/* With offset NULL it has none. */
static void
come_back(struct io_client *client, struct node *n, const char *with_offset,
    const char *who)
{
	char packet[256];

	io_client_open(client, n->io, NULL);
	io_client_forget(client);
	if (with_offset == NULL)
		snprintf(packet, sizeof(packet),
		    "40{\"pid\":\"%s\",\"who\":\"%s\"}", pid, who);
	else
		snprintf(packet, sizeof(packet),
		    "40{\"pid\":\"%s\",\"offset\":\"%s\",\"who\":\"%s\"}",
		    pid, with_offset, who);
	io_client_say(client, packet);
	expect(client, "40{\"sid\"");
}

static bool
is_recovered(const struct io_client *client)
{
	char same[160];

	snprintf(same, sizeof(same), "40{\"sid\":\"%s\",\"pid\":\"%s\"}", id,
	    pid);
	return strstr(client->heard, same) != NULL;
}

/* The events heard, by their first argument: "1 2 3 ". */
static const char *
heard_events(struct io_client *client)
{
	static char list[4096];
	size_t len = 0;

	list[0] = '\0';
	io_client_read(client);
	for (const char *at = client->heard;
	    (at = strstr(at, "42[\"e\",")) != NULL; at++)
		len += (size_t)snprintf(list + len, sizeof(list) - len,
		    "%.*s ", (int)strcspn(at + 7, ",]"), at + 7);
	return list;
}

/* ---- before and after each ------------------------------------------------*/

static void
setup_with(int window, int kept)
{
	tn_random_start(NULL);
	window_ms = window;
	events = kept;
	server = (struct redis_server){ .pid = 0 };
	ck_assert(redis_server_start(&server));
	options = (struct tn_redis_options){
		.path = server.path, .connect_ms = 500, .command_ms = 500,
	};
	a = b = c = (struct io_client){ .is_open = false };
	ck_assert_int_eq(poll_loop_init(&loop), 0);
	third = tn_link_new(&loop.loop, NULL, &options,
	    &(struct tn_link_hooks){ .arg = NULL }, NULL);
	node_start(&one);
	node_start(&two);
	wait_up(1);
	settle();
}

static void
setup_plain(void)
{
	is_sharded = false;
	setup_with(WINDOW_MS, 10000);
}

static void
setup_sharded(void)
{
	is_sharded = true;
	setup_with(WINDOW_MS, 10000);
}

static void
teardown(void)
{
	node_stop(&one);
	node_stop(&two);
	tn_outq_fini(&a.wire.out);
	tn_outq_fini(&b.wire.out);
	tn_outq_fini(&c.wire.out);
	tn_link_free(&third);
	poll_loop_fini(&loop);
	redis_server_stop(&server);
}

/* ---- events ---------------------------------------------------------------*/

START_TEST(all_nodes_give_an_event_once_with_one_offset)
{
	char first[64];

	join(&a, &one);
	join(&b, &two);
	emit(&one, "r", "1");
	hear(&a, "1");
	strcpy(first, offset);
	hear(&b, "1");
	ck_assert_str_eq(first, offset);
	for (int i = 2; i < 40; i++) {
		char arg[16];

		snprintf(arg, sizeof(arg), "%d", i);
		emit(i % 3 == 0 ? &one : &two, "r", arg);
	}
	settle();
	strcpy(text, heard_events(&a));
	ck_assert_int_eq(strlen(text), 8 * 2 + 30 * 3);
	ck_assert_str_eq(text, heard_events(&b));
}
END_TEST

START_TEST(an_event_to_one_socket_is_kept_too)
{
	join(&a, &one);
	tn_socket_emit(one.last, "e", S("7"));
	hear(&a, "7");
	io_client_close(&a);
	come_back(&b, &two, offset, "ann");
	ck_assert(is_recovered(&b));
	ck_assert_str_eq(heard_events(&b), "");
}
END_TEST

START_TEST(bytes_are_kept)
{
	struct tn_slice buffer = S("\x01\x02\x03");

	join(&a, &one);
	emit(&one, "r", "1");
	hear(&a, "1");
	io_client_close(&a);
	tn_emit_binary(tn_in(two.root, S("r")), "bin",
	    S("{\"_placeholder\":true,\"num\":0}"), &buffer, 1);
	settle();
	come_back(&b, &two, offset, "ann");
	ck_assert(is_recovered(&b));
	ck_assert_ptr_nonnull(strstr(b.heard,
	    "451-[\"bin\",{\"_placeholder\":true,\"num\":0},\""));
	ck_assert_ptr_nonnull(strstr(b.heard, "\x01\x02\x03"));
}
END_TEST

/* ---- coming back ----------------------------------------------------------*/

START_TEST(what_was_missed_comes_in_order_on_another_node)
{
	join(&a, &one);
	emit(&two, "r", "1");
	hear(&a, "1");
	io_client_close(&a);
	emit(&two, "r", "2");
	emit(&one, "other", "99");
	tn_emit(tn_all(one.root), "e", S("3"));
	tn_emit(tn_except(tn_all(one.root), S("r")), "e", S("98"));
	settle();
	come_back(&b, &two, offset, "ann");
	ck_assert(is_recovered(&b));
	ck_assert_str_eq(heard_events(&b), "2 3 ");
	ck_assert(strstr(b.heard, "42[\"e\",3") < strstr(b.heard, "40{"));
	ck_assert(tn_socket_recovered(two.last));
	ck_assert(tn_socket_in(two.last, S("r")));
	ck_assert(tn_slice_is(tn_socket_data_json(two.last), "{\"of\":1}"));
	emit(&one, "r", "4");
	expect(&b, "42[\"e\",4,");
	ck_assert_str_eq(heard_events(&b), "2 3 4 ");
}
END_TEST

/* The first node says nothing of its end, as one that is killed. */
START_TEST(a_session_is_found_while_its_node_has_it)
{
	join(&a, &one);
	emit(&two, "r", "1");
	hear(&a, "1");
	emit(&two, "r", "2");
	settle();
	come_back(&b, &two, offset, "ann");
	ck_assert(is_recovered(&b));
	ck_assert_str_eq(heard_events(&b), "2 ");
	/* and once more */
	io_client_close(&b);
	emit(&two, "r", "3");
	settle();
	come_back(&c, &two, offset, "ann");
	ck_assert(is_recovered(&c));
	ck_assert_str_eq(heard_events(&c), "2 3 ");
}
END_TEST

START_TEST(who_received_nothing_yet_misses_nothing)
{
	emit(&one, "r", "0");
	settle();
	join(&a, &one);
	emit(&two, "r", "1");
	settle();
	come_back(&b, &two, NULL, "ann");
	ck_assert(is_recovered(&b));
	ck_assert_str_eq(heard_events(&b), "1 ");
}
END_TEST

static bool
is_dyn(struct tn_slice name, struct tn_slice auth, void *arg)
{
	(void)auth;
	(void)arg;
	return tn_slice_is(name, "/dyn");
}

/* On the other node the namespace is made for who comes back to it. */
START_TEST(a_namespace_of_its_own_is_made_for_it)
{
	struct tn_ns *parents[] = { tn_io_of_match(one.io, is_dyn, NULL),
	    tn_io_of_match(two.io, is_dyn, NULL) };
	char packet[256];

	tn_ns_on_connection(parents[0], on_connection, &one);
	tn_ns_on_connection(parents[1], on_connection, &two);
	io_client_open(&a, one.io, NULL);
	io_client_say(&a, "40/dyn,");
	expect(&a, "40/dyn,{\"sid\"");
	copy_after(pid, a.heard, "\"pid\":\"");
	settle();
	tn_emit(tn_all(tn_socket_ns(one.last)), "e", S("1"));
	expect(&a, "42/dyn,[\"e\",1,\"");
	copy_after(offset, a.heard, "42/dyn,[\"e\",1,\"");
	tn_emit(tn_all(tn_socket_ns(one.last)), "e", S("2"));
	io_client_close(&a);
	settle();
	io_client_open(&b, two.io, NULL);
	snprintf(packet, sizeof(packet),
	    "40/dyn,{\"pid\":\"%s\",\"offset\":\"%s\"}", pid, offset);
	io_client_say(&b, packet);
	expect(&b, "40/dyn,{\"sid\"");
	ck_assert_ptr_nonnull(strstr(b.heard, pid));
	ck_assert_ptr_nonnull(strstr(b.heard, "42/dyn,[\"e\",2,\""));
}
END_TEST

START_TEST(the_first_of_a_stream_is_not_missed)
{
	join(&a, &one);
	io_client_close(&a);
	emit(&two, "r", "1");
	settle();
	come_back(&b, &two, NULL, "ann");
	ck_assert(is_recovered(&b));
	ck_assert_str_eq(heard_events(&b), "1 ");
}
END_TEST

START_TEST(a_room_tells_nothing_of_before_it_was_joined)
{
	join(&a, &one);
	emit(&two, "r", "1");
	hear(&a, "1");
	emit(&two, "late", "96");
	settle();
	tn_socket_join(one.last, S("late"));
	settle();
	io_client_close(&a);
	emit(&two, "late", "2");
	settle();
	come_back(&b, &two, offset, "ann");
	ck_assert(is_recovered(&b));
	ck_assert_str_eq(heard_events(&b), "2 ");
}
END_TEST

START_TEST(a_room_that_was_left_is_not_joined)
{
	join(&a, &one);
	emit(&two, "r", "1");
	hear(&a, "1");
	tn_socket_leave(one.last, S("r"));
	tn_socket_join(one.last, S("s"));
	settle();
	emit(&two, "r", "97");
	emit(&two, "s", "2");
	settle();
	come_back(&b, &two, offset, "ann");
	ck_assert(is_recovered(&b));
	ck_assert_str_eq(heard_events(&b), "2 ");
	ck_assert(!tn_socket_in(two.last, S("r")));
}
END_TEST

START_TEST(an_old_connection_gives_way)
{
	join(&a, &one);
	emit(&two, "r", "1");
	hear(&a, "1");
	come_back(&b, _i < 1 ? &two : &one, offset, "ann");
	ck_assert(is_recovered(&b));
	expect(&a, "41\n");
	settle();
	emit(&two, "r", "2");
	expect(&b, "42[\"e\",2,");
	ck_assert_str_eq(heard_events(&a), "");
	ck_assert_int_eq((int)tn_ns_len(one.root) + (int)tn_ns_len(two.root),
	    1);
	/* nor does its end take the session away */
	io_client_close(&a);
	settle();
	io_client_close(&b);
	settle();
	come_back(&c, &two, offset, "ann");
	ck_assert(is_recovered(&c));
	ck_assert_str_eq(heard_events(&c), "2 ");
}
END_TEST

/* Two at once: both get an answer, and one socket has the session. */
START_TEST(a_session_is_at_one_socket)
{
	char packet[256];

	join(&a, &one);
	emit(&two, "r", "1");
	hear(&a, "1");
	io_client_close(&a);
	emit(&two, "r", "2");
	settle();
	snprintf(packet, sizeof(packet),
	    "40{\"pid\":\"%s\",\"offset\":\"%s\",\"who\":\"ann\"}", pid,
	    offset);
	io_client_open(&b, one.io, NULL);
	io_client_open(&c, two.io, NULL);
	io_client_say(&b, packet);
	io_client_say(&c, packet);
	expect(&b, "40{\"sid\"");
	expect(&c, "40{\"sid\"");
	settle();
	ck_assert_int_eq((int)tn_ns_len(one.root) + (int)tn_ns_len(two.root),
	    1);
	emit(&one, "r", "3");
	settle();
	ck_assert_int_eq(strcmp(heard_events(&b), "2 3 ") == 0 ||
	    strcmp(heard_events(&c), "2 3 ") == 0, 1);
}
END_TEST

START_TEST(nothing_is_lost_or_doubled_under_a_writer)
{
	char wanted[1024] = "";
	int n = 0;

	join(&a, &one);
	emit(&two, "r", "0");
	hear(&a, "0");
	for (int round = 0; round < 8; round++) {
		struct io_client *from = round % 2 == 0 ? &a : &b;
		struct io_client *to = round % 2 == 0 ? &b : &a;
		char packet[256];

		for (int i = 0; i < 5; i++) {
			char arg[16];

			snprintf(arg, sizeof(arg), "%d", ++n);
			emit(&two, "r", arg);
			poll_loop_turn(&loop, 0);
			if (i == 2) {
				/* the last it has heard before it is cut */
				io_client_read(from);
				for (const char *p = from->heard;
				    (p = strstr(p, "42[\"e\",")) != NULL; p++)
					snprintf(offset, sizeof(offset), "%.*s",
					    (int)strcspn(strchr(p + 7, '"') + 1,
					    "\""), strchr(p + 7, '"') + 1);
				strcat(wanted, heard_events(from));
				io_client_close(from);
				tn_outq_fini(&to->wire.out);
				io_client_open(to, round % 2 == 0 ? two.io :
				    one.io, NULL);
				io_client_forget(to);
				snprintf(packet, sizeof(packet), "40{\"pid\":"
				    "\"%s\",\"offset\":\"%s\",\"who\":\"ann\"}",
				    pid, offset);
				io_client_say(to, packet);
			}
		}
		expect(to, "40{\"sid\"");
		ck_assert(is_recovered(to));
	}
	settle();
	strcat(wanted, heard_events(&a));
	for (int i = 1; i <= n; i++) {
		char arg[16];
		const char *at;

		snprintf(arg, sizeof(arg), "%d ", i);
		at = strstr(wanted, arg);
		ck_assert_msg(at == wanted, "%d: %s", i, wanted);
		memmove(wanted, wanted + strlen(arg),
		    strlen(wanted + strlen(arg)) + 1);
	}
	ck_assert_str_eq(wanted, "");
}
END_TEST

/* ---- not coming back ------------------------------------------------------*/

static const struct {
	const char *name, *offset, *who, *pid;
} strangers[] = {
	{ "another user", NULL, "bob", NULL },
	{ "nobody", NULL, "", NULL },
	{ "an offset that is none", "xyz", "ann", NULL },
	{ "an offset of the future", "9999999999999-0", "ann", NULL },
	{ "an offset of before", "1-0", "ann", NULL },
	{ "a huge one", "99999999999999999999999-1", "ann", NULL },
	{ "another pid", NULL, "ann", "AAAAAAAAAAAAAAAAAAAA" },
	{ "a short one", NULL, "ann", "A" },
	{ "one with a glob", NULL, "ann", "*" },
};

START_TEST(who_knows_too_little_is_new)
{
	char kept_pid[64];

	join(&a, &one);
	emit(&two, "r", "1");
	hear(&a, "1");
	io_client_close(&a);
	emit(&two, "r", "2");
	settle();
	strcpy(kept_pid, pid);
	if (strangers[_i].pid != NULL)
		strcpy(pid, strangers[_i].pid);
	come_back(&b, &two, strangers[_i].offset == NULL ? offset :
	    strangers[_i].offset, strangers[_i].who);
	strcpy(pid, kept_pid);
	ck_assert_msg(!is_recovered(&b), "%s", strangers[_i].name);
	ck_assert_str_eq(heard_events(&b), "");
	/* and has taken nothing from who knows it all */
	come_back(&c, &two, offset, "ann");
	ck_assert(is_recovered(&c));
	ck_assert_str_eq(heard_events(&c), "2 ");
}
END_TEST

START_TEST(an_end_on_purpose_is_one)
{
	join(&a, &one);
	emit(&two, "r", "1");
	hear(&a, "1");
	if (_i % 2 == 0)
		io_client_say(&a, "41");
	else
		tn_socket_disconnect(one.last, true);
	settle();
	ck_assert_int_eq(ask_of("EXISTS", "session:", pid), 0);
	come_back(&b, &two, offset, "ann");
	ck_assert(!is_recovered(&b));
}
END_TEST

START_TEST(the_window_closes)
{
	teardown();
	setup_with(SHORT_MS, 1000);
	join(&a, &one);
	emit(&two, "r", "1");
	hear(&a, "1");
	/* a session that lives lives on */
	for (int i = 0; i < 70; i++)
		poll_loop_turn(&loop, 10);
	ck_assert_int_eq(ask_of("EXISTS", "session:", pid), 1);
	io_client_close(&a);
	settle();
	usleep((SHORT_MS + 50) * 1000);
	ck_assert_int_eq(ask_of("EXISTS", "session:", pid), 0);
	come_back(&b, &two, offset, "ann");
	ck_assert(!is_recovered(&b));
}
END_TEST

START_TEST(a_trimmed_stream_is_no_recovery)
{
	join(&a, &one);
	emit(&two, "r", "1");
	hear(&a, "1");
	io_client_close(&a);
	emit(&two, "r", "2");
	emit(&two, "r", "3");
	settle();
	ask_of("XTRIM", "stream", " MAXLEN 1");
	come_back(&b, &two, offset, "ann");
	ck_assert(!is_recovered(&b));
	ck_assert_str_eq(heard_events(&b), "");
}
END_TEST

/* Not even if the session began before the stream did. */
START_TEST(a_trimmed_beginning_is_no_recovery)
{
	join(&a, &one);
	io_client_close(&a);
	emit(&two, "r", "1");
	emit(&two, "r", "2");
	settle();
	ask_of("XTRIM", "stream", " MAXLEN 1");
	come_back(&b, &two, NULL, "ann");
	ck_assert(!is_recovered(&b));
}
END_TEST

START_TEST(what_redis_lost_is_written_again)
{
	teardown();
	setup_with(SHORT_MS, 1000);
	join(&a, &one);
	ask("FLUSHALL");
	for (int i = 0; i < 30; i++)
		poll_loop_turn(&loop, 10);
	emit(&two, "r", "1");
	hear(&a, "1");
	io_client_close(&a);
	emit(&two, "r", "2");
	settle();
	come_back(&b, &two, offset, "ann");
	ck_assert(is_recovered(&b));
	ck_assert_str_eq(heard_events(&b), "2 ");
}
END_TEST

static void
owe(int ms)
{
	char rest[96];

	snprintf(rest, sizeof(rest), "%s q %lld", pid,
	    (long long)tn_clock_wall_ms() + ms);
	ask_of("HSET", "session:", rest);
}

/* Who owes for what was looked through has to wait. */
START_TEST(nobody_keeps_redis_looking)
{
	join(&a, &one);
	emit(&two, "r", "1");
	hear(&a, "1");
	for (int i = 0; i < 300; i++)
		emit(&two, "other", "7");
	settle();
	io_client_close(&a);
	settle();
	owe(19800);
	come_back(&b, &two, offset, "ann");
	ck_assert(!is_recovered(&b));
	owe(1000);
	come_back(&c, &two, offset, "ann");
	ck_assert(is_recovered(&c));
}
END_TEST

START_TEST(too_much_is_not_replayed)
{
	static char big[100001];

	memset(big, '7', sizeof(big) - 1);
	big[0] = big[sizeof(big) - 2] = '"';
	join(&a, &one);
	emit(&two, "r", "1");
	hear(&a, "1");
	io_client_close(&a);
	for (int i = 0; i < 6; i++)
		emit(&two, "r", big);
	settle();
	come_back(&b, &two, offset, "ann");
	ck_assert(!is_recovered(&b));
}
END_TEST

/* ---- Redis away -----------------------------------------------------------*/

static bool
is_down(void *arg)
{
	(void)arg;
	return !tn_link_is_up(one.link) && !tn_link_is_up(two.link);
}

START_TEST(without_redis_rooms_of_the_node_go_on)
{
	join(&a, &one);
	emit(&one, "r", "1");
	hear(&a, "1");
	redis_server_kill(&server);
	emit(&one, "r", "2");	/* on its way when Redis is seen to be away */
	ck_assert(poll_loop_until(&loop, is_down, NULL, WAIT_MS));
	emit(&one, "r", "3");
	expect(&a, "42[\"e\",2]\n");
	expect(&a, "42[\"e\",3]\n");
	ck_assert_str_eq(heard_events(&a), "2 3 ");
	io_client_close(&a);
	come_back(&b, &one, offset, "ann");	/* at once: nobody is asked */
	ck_assert(!is_recovered(&b));
	/* and when it is back, nobody is told to have all */
	join(&c, &one);
	emit(&one, "r", "4");
	ck_assert(redis_server_start(&server));
	wait_up(2);
	settle();
	io_client_close(&c);
	come_back(&a, &two, NULL, "ann");
	ck_assert(!is_recovered(&a));
	ck_assert_int_gt((int)tn_redis_adapter_counts(one.adapter)->unkept, 0);
}
END_TEST

/* The last event once more, as one whose PUBLISH was lost. */
static void
unpublished(void)
{
	ask("EVAL "
	    "local\te=redis.call('XREVRANGE',KEYS[1],'+','-','COUNT',1)[1];"
	    "local\tid=redis.call('XADD',KEYS[1],'*',unpack(e[2]));"
	    "redis.call('SET',KEYS[2],id);return\t1 "
	    "2 tandem:{socket.io#/#}:stream tandem:{socket.io#/#}:last");
}

START_TEST(what_did_not_come_is_read_from_the_stream)
{
	join(&a, &one);
	emit(&two, "r", "1");
	hear(&a, "1");
	unpublished();
	settle();
	ck_assert_str_eq(heard_events(&a), "");
	tn_redis_adapter_on_up(one.adapter);
	expect(&a, "42[\"e\",1,");
	emit(&two, "r", "2");
	expect(&a, "42[\"e\",2,");
	ck_assert_str_eq(heard_events(&a), "1 2 ");
}
END_TEST

START_TEST(a_gap_is_filled_before_what_comes_behind_it)
{
	join(&a, &one);
	emit(&two, "r", "1");
	hear(&a, "1");
	unpublished();
	emit(&two, "r", "3");
	emit(&two, "r", "4");
	expect(&a, "42[\"e\",4,");
	ck_assert_str_eq(heard_events(&a), "1 3 4 ");
	ck_assert_int_ge((int)tn_redis_adapter_counts(one.adapter)->caught_up,
	    1);
}
END_TEST

/* Who was there gets it from the stream, and who comes back by his answer. */
START_TEST(a_gap_is_filled_before_a_session_comes_back)
{
	join(&c, &one);
	join(&a, &two);
	emit(&two, "r", "1");
	hear(&c, "1");
	hear(&a, "1");
	io_client_close(&a);
	settle();
	unpublished();
	come_back(&b, &one, offset, "ann");
	ck_assert(is_recovered(&b));
	emit(&two, "r", "2");
	expect(&b, "42[\"e\",2,");
	ck_assert_str_eq(heard_events(&b), "1 2 ");
	expect(&c, "42[\"e\",2,");
	ck_assert_str_eq(heard_events(&c), "1 2 ");
}
END_TEST

/* The answer may come behind events that are later than what it tells. */
START_TEST(asking_for_the_last_repeats_nothing)
{
	char wanted[1024] = "";
	size_t len = 0;

	join(&a, &one);
	for (int i = 1; i <= 100; i++) {
		char arg[16];

		snprintf(arg, sizeof(arg), "%d", i);
		len += (size_t)snprintf(wanted + len, sizeof(wanted) - len,
		    "%d ", i);
		tn_redis_adapter_on_up(one.adapter);
		emit(&two, "r", arg);
		poll_loop_turn(&loop, 1);
	}
	expect(&a, "42[\"e\",100,");
	settle();
	ck_assert_str_eq(heard_events(&a), wanted);
}
END_TEST

/* Its ids may be earlier than those of the one that Redis has lost. */
START_TEST(a_stream_that_begins_anew_is_heard)
{
	join(&a, &one);
	emit(&two, "r", "1");
	hear(&a, "1");
	ask("EVAL "
	    "local\te=redis.call('XREVRANGE',KEYS[1],'+','-','COUNT',1)[1];"
	    "redis.call('XADD',KEYS[1],'99999999999999-0',unpack(e[2]));"
	    "return\t1 1 tandem:{socket.io#/#}:stream");
	tn_redis_adapter_on_up(one.adapter);
	hear(&a, "1");
	ask("FLUSHALL");
	tn_redis_adapter_on_up(one.adapter);
	settle();
	emit(&two, "r", "2");
	hear(&a, "2");
	emit(&two, "r", "3");
	hear(&a, "3");
}
END_TEST

/* As after a failover to a replica that was behind. */
START_TEST(a_stream_without_its_end_repeats_nothing)
{
	join(&a, &one);
	for (char arg[] = "1"; arg[0] <= '5'; arg[0]++)
		emit(&two, "r", arg);
	expect(&a, "42[\"e\",5,");
	ask("EVAL "
	    "local\te=redis.call('XRANGE',KEYS[1],'-','+','COUNT',2);"
	    "redis.call('DEL',KEYS[1],KEYS[2]);"
	    "redis.call('XADD',KEYS[1],e[1][1],unpack(e[1][2]));"
	    "redis.call('XADD',KEYS[1],e[2][1],unpack(e[2][2]));"
	    "redis.call('SET',KEYS[2],e[2][1]);"
	    "return\t1 2 tandem:{socket.io#/#}:stream "
	    "tandem:{socket.io#/#}:last");
	tn_redis_adapter_on_up(one.adapter);
	tn_redis_adapter_on_up(two.adapter);
	settle();
	emit(&two, "r", "6");
	expect(&a, "42[\"e\",6,");
	ck_assert_str_eq(heard_events(&a), "1 2 3 4 5 6 ");
}
END_TEST

/* ---- no memory ------------------------------------------------------------*/

static void
drop(struct io_client *client)
{
	io_client_close(client);
	tn_outq_fini(&client->wire.out);
	*client = (struct io_client){ .is_open = false };
}

static bool
both_are_up(void *arg)
{
	(void)arg;
	return tn_link_is_up(one.link) && tn_link_is_up(two.link);
}

static bool
is_answered_or_closed(void *arg)
{
	(void)arg;
	tn_engine_flush(tn_io_engine(one.io));
	tn_engine_flush(tn_io_engine(two.io));
	return !a.is_open && (io_client_heard(&b, "40{\"sid\"") || !b.is_open);
}

/* From the first event to the last that was missed, one allocation fails. */
static bool
come_back_without(unsigned n)
{
	char packet[256];
	bool is_over, failed;

	tn_alloc_fail_at(n);
	tn_emit(tn_in(two.root, S("r")), "e", S("2"));
	tn_socket_join(one.last, S("s"));
	for (int i = 0; i < 4; i++)
		poll_loop_turn(&loop, 1);
	io_client_close(&a);
	tn_emit(tn_in(two.root, S("r")), "e", S("3"));
	for (int i = 0; i < 4; i++)
		poll_loop_turn(&loop, 1);
	io_client_open(&b, two.io, NULL);
	io_client_forget(&b);
	snprintf(packet, sizeof(packet),
	    "40{\"pid\":\"%s\",\"offset\":\"%s\",\"who\":\"ann\"}", pid, offset);
	io_client_say(&b, packet);
	is_over = poll_loop_until(&loop, is_answered_or_closed, NULL, WAIT_MS);
	failed = tn_alloc_end();
	ck_assert(is_over);
	return failed;
}

START_TEST(running_out_of_memory_is_survived)
{
	bool failed = true;
	unsigned n, recovered = 0;

	for (n = 1; failed; n++) {
		ck_assert(poll_loop_until(&loop, both_are_up, NULL, WAIT_MS));
		settle();
		join(&a, &one);
		emit(&two, "r", "1");
		hear(&a, "1");
		failed = come_back_without(n);
		recovered += is_recovered(&b);
		/* all or nothing, whatever it was; never half of it */
		if (is_recovered(&b) && tn_redis_adapter_counts(two.adapter)
		    ->unkept == 0)
			ck_assert_msg(strstr(heard_events(&b), "3 ") != NULL,
			    "%u: %s", n, b.heard);
		ck_assert(failed || is_recovered(&b));
		drop(&a);
		drop(&b);
		settle();
	}
	ck_assert_uint_gt(n, 20);
	ck_assert_uint_gt(recovered, n / 4);
}
END_TEST

static void
add_tests(Suite *s, const char *name, SFun begin)
{
	TCase *t = tcase_create(name);

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, begin, teardown);
	tcase_add_test(t, all_nodes_give_an_event_once_with_one_offset);
	tcase_add_test(t, an_event_to_one_socket_is_kept_too);
	tcase_add_test(t, bytes_are_kept);
	tcase_add_test(t, what_was_missed_comes_in_order_on_another_node);
	tcase_add_test(t, a_session_is_found_while_its_node_has_it);
	tcase_add_test(t, who_received_nothing_yet_misses_nothing);
	tcase_add_test(t, a_namespace_of_its_own_is_made_for_it);
	tcase_add_test(t, the_first_of_a_stream_is_not_missed);
	tcase_add_test(t, a_room_tells_nothing_of_before_it_was_joined);
	tcase_add_test(t, a_room_that_was_left_is_not_joined);
	tcase_add_loop_test(t, an_old_connection_gives_way, 0, 2);
	tcase_add_test(t, a_session_is_at_one_socket);
	tcase_add_test(t, nothing_is_lost_or_doubled_under_a_writer);
	tcase_add_loop_test(t, who_knows_too_little_is_new, 0,
	    sizeof(strangers) / sizeof(*strangers));
	tcase_add_loop_test(t, an_end_on_purpose_is_one, 0, 2);
	tcase_add_test(t, the_window_closes);
	tcase_add_test(t, a_trimmed_stream_is_no_recovery);
	tcase_add_test(t, a_trimmed_beginning_is_no_recovery);
	tcase_add_test(t, what_redis_lost_is_written_again);
	tcase_add_test(t, nobody_keeps_redis_looking);
	tcase_add_test(t, too_much_is_not_replayed);
	tcase_add_test(t, without_redis_rooms_of_the_node_go_on);
	tcase_add_test(t, what_did_not_come_is_read_from_the_stream);
	tcase_add_test(t, a_gap_is_filled_before_what_comes_behind_it);
	tcase_add_test(t, a_gap_is_filled_before_a_session_comes_back);
	tcase_add_test(t, asking_for_the_last_repeats_nothing);
	tcase_add_test(t, a_stream_that_begins_anew_is_heard);
	tcase_add_test(t, a_stream_without_its_end_repeats_nothing);
	tcase_add_test(t, running_out_of_memory_is_survived);
	suite_add_tcase(s, t);
}

static Suite *
suite(void)
{
	Suite *s = suite_create("stream");

	redis_server_or_skip();
	add_tests(s, "plain", setup_plain);
	add_tests(s, "sharded", setup_sharded);
	return s;
}

TN_CHECK_MAIN(suite)
