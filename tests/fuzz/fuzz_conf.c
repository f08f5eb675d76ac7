/* A configuration file: every kind of value, then the same as one word. */
#include "config.h"

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct settings {
	const char *name;
	struct tn_conf_strings list;
	size_t size;
	int number;
	int wait_ms;
	int choice;
	bool on;
};

#define AT(member) offsetof(struct settings, member)

static const char *const choices[] = { "low", "high", NULL };

static const struct tn_conf_key keys[] = {
	{ "s", "name", TN_CONF_STRING, AT(name), 0, 0, NULL, "x", "", false },
	{ "s", "list", TN_CONF_STRINGS, AT(list), 0, 0, NULL, "x", "", false },
	{ "s", "size", TN_CONF_SIZE, AT(size), 0, 0, NULL, "1k", "", false },
	{ "n", "number", TN_CONF_INT, AT(number), -9, 9, NULL, "1", "", false },
	{ "n", "wait", TN_CONF_MS, AT(wait_ms), 0, 0, NULL, "1s", "", false },
	{ "n", "choice", TN_CONF_CHOICE, AT(choice), 0, 0, choices, "low", "",
	    false },
	{ "n", "on", TN_CONF_BOOL, AT(on), 0, 0, NULL, "no", "", false },
	{ NULL, NULL, TN_CONF_STRING, 0, 0, 0, NULL, NULL, NULL, false },
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tn_slice text = tn_slice(data, size);
	struct settings settings;
	struct tn_arena arena;
	struct tn_conf conf;
	struct tn_err err;

	tn_arena_init(&arena, 1 << 20);
	if (tn_conf_init(&conf, keys, &settings, &arena, &err) == 0) {
		tn_conf_text(&conf, "fuzz", text, &err);
		tn_conf_word(&conf, tn_arena_str(&arena, text), &err);
	}
	tn_arena_fini(&arena);
	return 0;
}
