#include "config.h"

#include "chat/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "chat/settings_keys.h"
#include "session/signature.h"

#define SETTINGS_FILE	 TN_SYSCONFDIR "/tandem.conf"
#define SETTINGS_ARENA	 (1u << 20)	/* bytes of all texts */
#define SETTINGS_SECRETS 16384		/* bytes of the secret file */
#define EXIT_CONFIG	 2

/* What tandem.conf is delivered with; a site must choose its own. */
static const char sample_secret[] = "change-me";

struct command_line {
	const char *program;
	const char *file;
	const char *worker;
	bool check;
	bool secret_in_words;	/* then the file may be readable by all */
};

/* The secrets. */

static int
add_secret(struct settings *s, struct tn_slice text, struct tn_err *err)
{
	struct tn_conf_strings *list = &s->session.secret;
	const char **items = tn_arena_alloc(&s->arena,
	    (list->n + 1) * sizeof(*items));
	const char *copy = tn_arena_str(&s->arena, text);

	if (items == NULL || copy == NULL)
		return tn_err_set(err, TN_E_NOMEM, "no memory for secrets");
	if (list->n > 0)
		memcpy(items, list->items, list->n * sizeof(*items));
	items[list->n++] = copy;
	list->items = items;
	return 0;
}

static int
open_secrets(const char *path, struct tn_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return tn_err_errno(err, TN_E_CONFIG, "%s", path);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & S_IRWXO) == 0 && st.st_size <= SETTINGS_SECRETS)
		return fd;
	close(fd);
	return tn_err_set(err, TN_E_CONFIG, "%s: must be a short plain file "
	    "that others may not read (chmod o=)", path);
}

static int
read_secret_file(struct settings *s, const char *path, struct tn_err *err)
{
	char text[SETTINGS_SECRETS];
	int fd = open_secrets(path, err);
	ssize_t n;
	int status = 0;

	if (fd < 0)
		return fd;
	n = read(fd, text, sizeof(text));
	close(fd);
	if (n < 0)
		return tn_err_errno(err, TN_E_CONFIG, "%s", path);
	for (struct tn_slice rest = tn_slice(text, (size_t)n);
	    rest.len > 0 && status == 0;) {
		struct tn_slice line = tn_slice_cut(&rest, '\n');

		if (line.len > 0 && line.ptr[line.len - 1] == '\r')
			line.len--;
		if (line.len > 0)
			status = add_secret(s, line, err);
	}
	tn_wipe(text, sizeof(text));
	return status;
}

static int
check_secrets(const struct settings *s, struct tn_err *err)
{
	const struct tn_conf_strings *list = &s->session.secret;

	if (list->n == 0)
		return tn_err_set(err, TN_E_CONFIG, "%s: [session] needs a "
		    "secret; \"openssl rand -hex 32\" makes one", s->file);
	if (list->n > TN_LIMIT_SECRETS)
		return tn_err_set(err, TN_E_CONFIG, "%s: [session] has more "
		    "than %d secrets", s->file, TN_LIMIT_SECRETS);
	for (size_t i = 0; i < list->n; i++) {
		struct tn_slice secret = tn_slice_str(list->items[i]);

		if (tn_slice_starts(secret, tn_slice_str(sample_secret)))
			return tn_err_set(err, TN_E_CONFIG, "%s: [session] "
			    "secret %zu is the sample's; choose your own",
			    s->file, i + 1);
		if (secret.len < TN_LIMIT_SECRET_MIN)
			return tn_err_set(err, TN_E_CONFIG, "%s: [session] "
			    "secret %zu is shorter than %d bytes", s->file,
			    i + 1, TN_LIMIT_SECRET_MIN);
	}
	return 0;
}

/* A file that holds a secret is nobody else's to read. */
static int
check_mode(const struct settings *s, const struct command_line *line,
    struct tn_err *err)
{
	struct stat st;

	if (line->secret_in_words || s->session.secret_file != NULL ||
	    stat(s->file, &st) < 0 || (st.st_mode & S_IROTH) == 0)
		return 0;
	return tn_err_set(err, TN_E_CONFIG, "%s: holds a secret, and others "
	    "may read it (chmod o= %s)", s->file, s->file);
}

/* What one key alone cannot say. */

/* "" is how a file says that there is none. */
static void
empty_is_none(const char **text)
{
	if (*text != NULL && **text == '\0')
		*text = NULL;
}

static int
check_origin(const struct settings *s, const char *origin, struct tn_err *err)
{
	struct tn_slice text = tn_slice_str(origin), host = text;

	if (strcmp(origin, "*") == 0)
		return 0;
	if (tn_slice_starts(text, TN_SLICE("https://")))
		host = tn_slice_after(text, 8);
	else if (tn_slice_starts(text, TN_SLICE("http://")))
		host = tn_slice_after(text, 7);
	if (host.ptr != text.ptr && host.len > 0 &&
	    tn_slice_find(host, '/') < 0)
		return 0;
	return tn_err_set(err, TN_E_CONFIG, "%s: origin \"%.100s\" is not of "
	    "the form https://host:port", s->file, origin);
}

static int
read_trust(struct settings *s, struct tn_err *err)
{
	struct tn_err why;

	if (s->http.trust_proxy[0] == '\0' ||
	    tn_trust_init(&s->http.trust, s->http.trust_proxy, &why) == 0)
		return 0;
	return tn_err_set(err, TN_E_CONFIG, "%s: [http] trust_proxy: %s",
	    s->file, why.text);
}

static int
check_paths(const struct settings *s, struct tn_err *err)
{
	const struct {
		const char *name, *value;
		bool may_be_empty;
	} paths[] = {
		{ "[http] base_path", s->http.base_path, true },
		{ "[http] login_route", s->http.login_route, false },
		{ "[http] logout_route", s->http.logout_route, false },
		{ "[ws] path", s->io.engine.path, false },
		{ "[ws] namespace", s->namespace, false },
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		if (paths[i].value[0] != '/' &&
		    !(paths[i].may_be_empty && paths[i].value[0] == '\0'))
			return tn_err_set(err, TN_E_CONFIG, "%s: %s must "
			    "begin with a slash", s->file, paths[i].name);
	return 0;
}

static int
check_redis(const struct settings *s, struct tn_err *err)
{
	if (s->redis.topology == TN_REDIS_SINGLE)
		return 0;
	if (s->redis_nodes.n == 0)
		return tn_err_set(err, TN_E_CONFIG, "%s: [redis] topology "
		    "needs nodes = host:port", s->file);
	if (s->redis.topology == TN_REDIS_CLUSTER && s->redis.database != 0)
		return tn_err_set(err, TN_E_CONFIG, "%s: [redis] a cluster "
		    "has database 0 alone", s->file);
	return 0;
}

static int
check_origins(struct settings *s, struct tn_err *err)
{
	int status;

	empty_is_none(&s->http.origin);
	if (s->http.origin != NULL &&
	    (status = check_origin(s, s->http.origin, err)) < 0)
		return status;
	for (size_t i = 0; i < s->origins.n; i++)
		if ((status = check_origin(s, s->origins.items[i], err)) < 0)
			return status;
	if (s->origins.n == 0 && s->http.origin != NULL) {
		s->origins.items = &s->http.origin;
		s->origins.n = 1;
	}
	return 0;
}

/* Put the worker's id where "%w" stands, its number where "%n" does. */
static const char *
expand_worker(struct settings *s, const char *text)
{
	const bool is_letter = s->worker[0] >= 'a' && s->worker[0] <= 'z' &&
	    s->worker[1] == '\0';
	const char *at = strstr(text, "%w");

	if (at != NULL)
		return tn_arena_printf(&s->arena, "%.*s%s%s",
		    (int)(at - text), text, s->worker, at + 2).ptr;
	at = strstr(text, "%n");
	if (at == NULL)
		return text;
	return tn_arena_printf(&s->arena, "%.*s%d%s", (int)(at - text), text,
	    is_letter ? s->worker[0] - 'a' : 0, at + 2).ptr;
}

static bool
worker_is_plain(const char *worker)
{
	size_t n = strspn(worker, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

	return n > 0 && n <= TN_LIMIT_WORKER_NAME && worker[n] == '\0';
}

int
settings_set_worker(struct settings *s, const char *worker,
    struct tn_err *err)
{
	s->worker = tn_arena_str(&s->arena, tn_slice_str(worker));
	if (s->worker == NULL)
		return tn_err_set(err, TN_E_NOMEM, "no memory for settings");
	if (!worker_is_plain(s->worker))
		return tn_err_set(err, TN_E_CONFIG, "--worker wants 1 to %d "
		    "letters, digits, '-' or '_'", TN_LIMIT_WORKER_NAME);
	s->name = s->worker;
	if (s->node[0] != '\0')
		s->name = tn_arena_printf(&s->arena, "%s-%s", s->node,
		    s->worker).ptr;
	if (s->name == NULL || !worker_is_plain(s->name))
		return tn_err_set(err, TN_E_CONFIG, "%s: [ws] node and the "
		    "worker's id must be letters, digits, '-' or '_', %d in "
		    "all", s->file, TN_LIMIT_WORKER_NAME);
	s->ws.listen = expand_worker(s, s->listen);
	s->ws.forward = s->forward == NULL ? NULL :
	    expand_worker(s, s->forward);
	s->ws.worker = s->name;
	s->io.engine.worker = s->name;
	return 0;
}

/* What the library's own structs take from ours. */
static void
fill_options(struct settings *s)
{
	const char **texts[] = { &s->redis.path, &s->redis.user,
	    &s->redis.password, &s->redis.sentinel_user,
	    &s->redis.sentinel_password, &s->ws.client_dir,
	    &s->ws.control_dir, &s->log.file };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		empty_is_none(texts[i]);
	s->redis.nodes = s->redis_nodes.items;
	s->redis.nnodes = s->redis_nodes.n;
	s->io.msgpack = s->parser != 0;
	s->io.engine.origins = s->origins.items;
	s->io.engine.norigins = s->origins.n;
	s->ws.trusted_proxies = s->trusted_proxies.items;
	s->ws.ntrusted = s->trusted_proxies.n;
}

static int
complete(struct settings *s, const char *worker, struct tn_err *err)
{
	int status;

	empty_is_none(&s->session.secret_file);
	empty_is_none(&s->forward);
	if (s->session.secret_file != NULL &&
	    (status = read_secret_file(s, s->session.secret_file, err)) < 0)
		return status;
	if ((status = check_secrets(s, err)) < 0 ||
	    (status = check_paths(s, err)) < 0 ||
	    (status = check_origins(s, err)) < 0 ||
	    (status = read_trust(s, err)) < 0 ||
	    (status = check_redis(s, err)) < 0 ||
	    (status = settings_set_worker(s, worker == NULL ? "a" : worker,
	    err)) < 0)
		return status;
	s->is_worker_given = worker != NULL;
	fill_options(s);
	if (s->log.target == TN_LOG_FILE && s->log.file == NULL)
		return tn_err_set(err, TN_E_CONFIG, "%s: [log] target is "
		    "file, but no file is given", s->file);
	if (s->arena.overflowed)
		return tn_err_set(err, TN_E_NOMEM, "no memory for settings");
	return 0;
}

static int
begin(struct settings *s, struct tn_conf *conf, struct tn_err *err)
{
	memset(s, 0, sizeof(*s));
	tn_arena_init(&s->arena, SETTINGS_ARENA);
	return tn_conf_init(conf, settings_keys, s, &s->arena, err);
}

/* The command line. */

static void
print_usage(FILE *out, const char *program)
{
	fprintf(out,
	    "usage: %s [--config FILE] [-o SECTION.KEY=VALUE]... [--worker ID]\n"
	    "       %s --check | --version | --help\n"
	    "\n"
	    "  -c, --config FILE   settings (%s)\n"
	    "  -o SECTION.KEY=VALUE\n"
	    "                      one setting; beats the file\n"
	    "  -w, --worker ID     of tandem-ws: be this worker alone\n"
	    "      --check         say what is wrong with the settings, and end\n"
	    "      --version       print the version, and end\n"
	    "      --help          print this, and end\n",
	    program, program, SETTINGS_FILE);
}

/* Say what is wrong; false, for "return". */
static bool
refuse(int *status, const struct tn_err *err)
{
	fprintf(stderr, "%s\n", err->text);
	*status = EXIT_CONFIG;
	return false;
}

static bool
end_well(int *status)
{
	*status = fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	return false;
}

static bool
read_words(struct command_line *line, struct tn_conf *conf, int argc,
    char **argv, int *status)
{
	static const struct option options[] = {
		{ "config",  required_argument, NULL, 'c' },
		{ "worker",  required_argument, NULL, 'w' },
		{ "check",   no_argument,	NULL, 'k' },
		{ "version", no_argument,	NULL, 'v' },
		{ "help",    no_argument,	NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct tn_err err;
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "c:o:w:", options, NULL)) != -1)
		switch (c) {
		case 'c':
			line->file = optarg;
			break;
		case 'o':
			if (tn_conf_word(conf, optarg, &err) < 0)
				return refuse(status, &err);
			line->secret_in_words |= tn_slice_starts(
			    tn_slice_str(optarg), TN_SLICE("session.secret="));
			break;
		case 'w':
			line->worker = optarg;
			break;
		case 'k':
			line->check = true;
			break;
		case 'v':
			printf("%s %s\n", line->program, PACKAGE_VERSION);
			return end_well(status);
		case 'h':
			print_usage(stdout, line->program);
			return end_well(status);
		default:
			print_usage(stderr, line->program);
			*status = EXIT_CONFIG;
			return false;
		}
	if (optind == argc)
		return true;
	print_usage(stderr, line->program);
	*status = EXIT_CONFIG;
	return false;
}

bool
settings_load(struct settings *s, const char *program, int argc, char **argv,
    int *status)
{
	struct command_line line = { .program = program,
	    .file = SETTINGS_FILE };
	struct tn_conf conf;
	struct tn_err err;

	if (begin(s, &conf, &err) < 0)
		return refuse(status, &err);
	if (!read_words(&line, &conf, argc, argv, status))
		return false;
	s->file = line.file;
	if (tn_conf_file(&conf, line.file, &err) < 0 ||
	    complete(s, line.worker, &err) < 0 ||
	    check_mode(s, &line, &err) < 0)
		return refuse(status, &err);
	if (!line.check)
		return true;
	printf("%s: OK\n", line.file);
	return end_well(status);
}

int
settings_read(struct settings *s, const char *name, struct tn_slice text,
    const char *worker, struct tn_err *err)
{
	struct tn_conf conf;
	int status = begin(s, &conf, err);

	if (status < 0)
		return status;
	s->file = name;
	status = tn_conf_text(&conf, name, text, err);
	return status < 0 ? status : complete(s, worker, err);
}

void
settings_fini(struct settings *s)
{
	for (size_t i = 0; i < s->session.secret.n; i++) {
		char *secret = (char *)s->session.secret.items[i];

		tn_wipe(secret, strlen(secret));
	}
	tn_arena_fini(&s->arena);
	memset(s, 0, sizeof(*s));
}

int
settings_open_log(const struct settings *s, const char *program,
    struct tn_log *log, struct tn_err *err)
{
	return tn_log_open(log, program, (enum tn_log_target)s->log.target,
	    s->log.file, (enum tn_log_level)s->log.level, err);
}

int
settings_session_options(const struct settings *s, struct tn_signer **signer,
    struct tn_session_options *options, struct tn_err *err)
{
	struct tn_slice secrets[TN_LIMIT_SECRETS];
	size_t n = s->session.secret.n;

	if (n > TN_LIMIT_SECRETS)
		return tn_err_set(err, TN_E_CONFIG, "more than %d secrets",
		    TN_LIMIT_SECRETS);
	for (size_t i = 0; i < n; i++)
		secrets[i] = tn_slice_str(s->session.secret.items[i]);
	*signer = tn_signer_new(secrets, n, err);
	if (*signer == NULL)
		return err == NULL ? TN_E_CONFIG : err->code;
	*options = (struct tn_session_options){
		.name = tn_slice_str(s->session.name),
		.signer = *signer,
		.max_age_ms = s->session.max_age_ms > 0 ?
		    s->session.max_age_ms : -1,
		.ttl_s = s->session.ttl_ms / 1000,
		.path = TN_SLICE("/"),
		.domain = tn_slice_str(s->session.domain),
		.http_only = s->session.http_only,
		.secure = (enum tn_secure)s->session.secure,
		.same_site = (enum tn_same_site)s->session.same_site,
		.priority = (enum tn_priority)s->session.priority,
		.partitioned = s->session.partitioned,
		.rolling = s->session.rolling,
		.resave = s->session.resave,
		.save_uninitialized = s->session.save_uninitialized,
		.absolute_ms = s->session.absolute_ms,
	};
	return 0;
}

int
settings_recovery_events(const struct settings *s)
{
	return s->io.recovery_window_ms > 0 ? s->recovery_events : 0;
}
