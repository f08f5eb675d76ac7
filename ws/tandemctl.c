/* tandemctl: asks the workers of this host, and prints what they say. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"

#define CONTROL_DIR	"/run/tandem-ws"
#define SUFFIX		".ctl"
#define EXIT_USAGE	2
#define WAIT_S		30
#define WORKERS		1024

/* clang-format off */
static const struct command {
	const char *name, *words, *what;
	size_t min_words, max_words;
	bool is_one;	/* any one worker can answer it, or do it everywhere */
} commands[] = {
	{ "health", "", "are the workers well, and if not, why", 0, 0, false },
	{ "stats", "", "what each of them has counted", 0, 0, false },
	{ "nodes", "", "the living nodes of the cluster", 0, 0, true },
	{ "clients", "[ROOM]", "the sockets of each worker here", 0, 1, false },
	{ "client", "ID", "all that is known of a socket", 1, 1, false },
	{ "rooms", "", "the rooms of each worker here", 0, 0, false },
	{ "disconnect socket", "ID", "end it, wherever it is", 1, 1, true },
	{ "disconnect session", "SID", "end it, and all its sockets", 1, 1, true },
	{ "disconnect user", "ID", "end the sockets of a user here", 1, 1, false },
	{ "join", "ID ROOM", "a socket, or all of a room, join a room", 2, 2, true },
	{ "leave", "ID ROOM", "and leave one", 2, 2, true },
	{ "emit", "ROOM EVENT [JSON...]", "say it to a room, or with * to all", 2, TN_LIMIT_CONTROL_WORDS - 1, true },
};
/* clang-format on */

struct asked {
	const char *dir;
	const char *worker;		/* NULL: all */
	bool is_json;
	const struct command *command;
	char **words;			/* the command's name, then its own */
	size_t nwords;
};

/* ---- Asking one worker --------------------------------------------------- */

static int
dial(const char *dir, const char *worker, struct tn_err *err)
{
	const struct timeval wait = { .tv_sec = WAIT_S };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, n;

	n = snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s" SUFFIX, dir,
	    worker);
	if (n < 0 || (size_t)n >= sizeof(addr.sun_path))
		return tn_err_set(err, TN_E_CONFIG, "%s: too long a path", dir);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return tn_err_errno(err, TN_E_SYSTEM, "cannot make a socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	tn_err_errno(err, TN_E_AWAY, "%s", addr.sun_path);
	close(fd);
	return TN_E_AWAY;
}

static int
send_words(int fd, const struct asked *a, struct tn_err *err)
{
	struct tn_buf b;
	int r = 0;

	tn_buf_init(&b, TN_LIMIT_CONTROL_REQUEST);
	for (size_t i = 0; i < a->nwords; i++) {
		tn_buf_char(&b, i == 0 ? '[' : ',');
		tn_json_write_string(&b, tn_slice_str(a->words[i]));
	}
	tn_buf_str(&b, "]\n");
	if (b.failed != 0)
		r = tn_err_set(err, b.failed, "the words are too long");
	else if (send(fd, b.ptr, b.len, MSG_NOSIGNAL) != (ssize_t)b.len)
		r = tn_err_errno(err, TN_E_IO, "cannot ask");
	tn_buf_fini(&b);
	return r;
}

static int
read_answer(int fd, struct tn_buf *out, struct tn_err *err)
{
	ssize_t n;

	do {
		char *room = tn_buf_room(out, 65536);

		if (room == NULL)
			return tn_err_set(err, out->failed, "too long an answer");
		n = recv(fd, room, 65536, 0);
		if (n > 0)
			out->len += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0)
		return tn_err_errno(err, TN_E_TIMEOUT, "no answer");
	while (out->len > 0 && out->ptr[out->len - 1] == '\n')
		out->len--;
	return tn_json_scan(tn_buf_view(out),
	    &(struct tn_json_limits){ .items = 1u << 24 }, err);
}

/* Returns 0 with the answer in out, which may still be an {"error":...}. */
static int
ask(const struct asked *a, const char *worker, struct tn_buf *out,
    struct tn_err *err)
{
	int fd = dial(a->dir, worker, err), r;

	if (fd < 0)
		return fd;
	r = send_words(fd, a, err);
	if (r == 0)
		r = read_answer(fd, out, err);
	close(fd);
	return r;
}

/* ---- Printing ------------------------------------------------------------ */

/* Text as it is, without what a terminal would obey. */
static void
print_value(struct tn_slice value)
{
	struct tn_slice text = value;
	struct tn_arena arena;

	tn_arena_init(&arena, value.len + 16);
	if (tn_json_type(value) != TN_JSON_STRING ||
	    tn_json_string(value, &arena, &text, NULL) < 0)
		text = value;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		putchar(c < 0x20 || c == 0x7f ? '?' : c);
	}
	tn_arena_fini(&arena);
}

static struct tn_slice
bare(struct tn_slice key)
{
	return tn_slice(key.ptr + 1, key.len - 2);
}

static bool
is_row(struct tn_slice value)
{
	return tn_json_type(value) == TN_JSON_OBJECT;
}

/* [{"id":1,"address":2}]: a heading, then a line each, tabs between. */
static void
print_table(struct tn_slice rows)
{
	struct tn_slice row, key, value;
	bool is_first = true;

	while (tn_json_element(&rows, &row)) {
		struct tn_slice names = row;

		for (bool tab = false; is_first &&
		    tn_json_member(&names, &key, &value); tab = true)
			printf("%s%.*s", tab ? "\t" : "",
			    TN_SLICE_ARG(bare(key)));
		if (is_first)
			putchar('\n');
		is_first = false;
		for (bool tab = false; tn_json_member(&row, &key, &value);
		    tab = true) {
			if (tab)
				putchar('\t');
			print_value(value);
		}
		putchar('\n');
	}
}

/* Of objects within objects a name is "outer.inner". */
static void
print_object(struct tn_slice object, const char *prefix, int depth)
{
	struct tn_slice key, value, row, rest;
	char name[256];

	while (tn_json_member(&object, &key, &value)) {
		enum tn_json_type type = tn_json_type(value);

		rest = value;
		snprintf(name, sizeof(name), "%s%s%.*s", prefix,
		    prefix[0] == '\0' ? "" : ".", TN_SLICE_ARG(bare(key)));
		if (type == TN_JSON_OBJECT && depth < 8) {
			print_object(value, name, depth + 1);
		} else if (type == TN_JSON_ARRAY &&
		    tn_json_element(&rest, &row) && is_row(row)) {
			print_table(value);
		} else {
			printf("%s ", name);
			print_value(value);
			putchar('\n');
		}
	}
}

static void
print_answer(const struct asked *a, struct tn_slice answer, bool is_first)
{
	if (a->is_json) {
		printf("%s%.*s", is_first ? "[" : ",\n", TN_SLICE_ARG(answer));
		return;
	}
	if (!is_first)
		putchar('\n');
	print_object(answer, "", 0);
}

/* ---- All that are to be asked -------------------------------------------- */

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The workers that have a socket in the folder, or the one that was named. */
static size_t
find_workers(const struct asked *a, char **names, struct tn_err *err)
{
	const struct dirent *entry;
	size_t n = 0;
	DIR *dir;

	if (a->worker != NULL) {
		names[0] = strdup(a->worker);
		return names[0] == NULL ? 0 : 1;
	}
	dir = opendir(a->dir);
	if (dir == NULL) {
		tn_err_errno(err, TN_E_AWAY, "%s", a->dir);
		return 0;
	}
	while (n < WORKERS && (entry = readdir(dir)) != NULL) {
		struct tn_slice name = tn_slice_str(entry->d_name);

		if (!tn_slice_ends(name, TN_SLICE(SUFFIX)))
			continue;
		names[n] = strndup(name.ptr, name.len - strlen(SUFFIX));
		if (names[n] != NULL)
			n++;
	}
	closedir(dir);
	qsort(names, n, sizeof(*names), by_name);
	if (n == 0)
		tn_err_set(err, TN_E_AWAY, "%s: no worker there", a->dir);
	return n;
}

/* Is this answer a yes? health's is, if all is well. */
static bool
is_good(struct tn_slice answer)
{
	struct tn_slice value;

	if (tn_json_get(answer, "error", &value))
		return false;
	return !tn_json_get(answer, "state", &value) ||
	    tn_json_string_is(value, TN_SLICE("ok"));
}

static int
ask_all(const struct asked *a, char **names, size_t n)
{
	int status = EXIT_SUCCESS;
	bool is_first = true, is_done = false;
	struct tn_buf answer;
	struct tn_err err;

	tn_buf_init(&answer, TN_LIMIT_CONTROL_ANSWER + 65536);
	for (size_t i = 0; i < n && !is_done; i++) {
		tn_buf_reset(&answer);
		if (ask(a, names[i], &answer, &err) < 0) {
			fprintf(stderr, "tandemctl: %s: %s\n", names[i],
			    err.text);
			status = EXIT_FAILURE;
			continue;
		}
		is_done = a->command->is_one;
		if (!is_good(tn_buf_view(&answer)))
			status = EXIT_FAILURE;
		else if (is_done)
			status = EXIT_SUCCESS;	/* whoever was away before */
		print_answer(a, tn_buf_view(&answer), is_first);
		is_first = false;
	}
	if (a->is_json)
		puts(is_first ? "[]" : "]");
	tn_buf_fini(&answer);
	return status;
}

static int
run(const struct asked *a)
{
	char *names[WORKERS];
	struct tn_err err = { .code = 0 };
	size_t n = find_workers(a, names, &err);
	int status;

	if (n == 0) {
		fprintf(stderr, "tandemctl: %s\n", err.text);
		return EXIT_FAILURE;
	}
	status = ask_all(a, names, n);
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	return status;
}

/* ---- The command line ---------------------------------------------------- */

static void
print_usage(FILE *out)
{
	fputs("usage: tandemctl [--dir DIR] [--worker ID] [--json] COMMAND ...\n"
	    "       tandemctl --version | --help\n\n", out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		fprintf(out, "  %s %-*s  %s\n", commands[i].name,
		    (int)(30 - strlen(commands[i].name)), commands[i].words,
		    commands[i].what);
	fputs("\n"
	    "  -d, --dir DIR       folder of the control sockets ("
	    CONTROL_DIR ")\n"
	    "  -w, --worker ID     ask this worker alone\n"
	    "  -j, --json          print JSON\n", out);
}

/* How many words a command's name has, if these begin with it; else 0. */
static size_t
named_by(const struct command *c, char **words, size_t n)
{
	struct tn_slice rest = tn_slice_str(c->name);
	size_t i = 0;

	while (rest.ptr != NULL) {
		if (i == n || !tn_slice_is(tn_slice_cut(&rest, ' '), words[i]))
			return 0;
		i++;
	}
	return i;
}

static bool
find_command(struct asked *a)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		const struct command *c = &commands[i];
		size_t n = named_by(c, a->words, a->nwords);

		if (n == 0)
			continue;
		a->command = c;
		return a->nwords - n >= c->min_words &&
		    a->nwords - n <= c->max_words;
	}
	return false;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dir",     required_argument, NULL, 'd' },
		{ "worker",  required_argument, NULL, 'w' },
		{ "json",    no_argument,	NULL, 'j' },
		{ "version", no_argument,	NULL, 'v' },
		{ "help",    no_argument,	NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct asked a = { .dir = CONTROL_DIR };
	int c;

	while ((c = getopt_long(argc, argv, "+d:w:j", options, NULL)) != -1)
		switch (c) {
		case 'd':
			a.dir = optarg;
			break;
		case 'w':
			a.worker = optarg;
			break;
		case 'j':
			a.is_json = true;
			break;
		case 'v':
			printf("tandemctl %s\n", PACKAGE_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			print_usage(stdout);
			return EXIT_SUCCESS;
		default:
			print_usage(stderr);
			return EXIT_USAGE;
		}
	a.words = argv + optind;
	a.nwords = (size_t)(argc - optind);
	if (!find_command(&a)) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	return run(&a);
}
