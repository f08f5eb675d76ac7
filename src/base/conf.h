/*
 * Configuration files: [section], key = value, # comment; strict.
 *
 * A program declares its settings as a table; this reads a file and
 * "section.key=value" words into the struct behind it. (Not named config.h:
 * that is configure's.)
 */
#ifndef TN_CONF_H
#define TN_CONF_H

#include <stddef.h>

#include "base/slice.h"

struct tn_arena;
struct tn_err;

enum tn_conf_type {
	TN_CONF_STRING,		/* const char *, in the arena */
	TN_CONF_STRINGS,	/* struct tn_conf_strings; one "key =" line each */
	TN_CONF_INT,		/* int, within min..max */
	TN_CONF_BOOL,		/* bool: yes, no, on, off, true, false */
	TN_CONF_SIZE,		/* size_t: digits with optional k, m (1024) */
	TN_CONF_MS,		/* int, milliseconds: digits with ms, s, m, h */
	TN_CONF_CHOICE,		/* int: index in choices */
};

struct tn_conf_strings {
	const char **items;
	size_t n;
};

struct tn_conf_key {
	const char *section;
	const char *key;
	enum tn_conf_type type;
	size_t offset;			/* in the settings struct */
	long long min, max;		/* of numbers; both 0: any that fits */
	const char *const *choices;	/* NULL-terminated, of TN_CONF_CHOICE */
	const char *preset;		/* the default as it would be written, or NULL */
	const char *what;		/* one line for people */
	bool secret;			/* value never shown in a message */
};

struct tn_conf {
	const struct tn_conf_key *keys;	/* ended by section NULL */
	void *settings;			/* the caller's struct */
	struct tn_arena *arena;		/* owns the texts */
	bool *seen_file;		/* internal */
	bool *seen_word;
};

/*
 * Set every setting to its preset.
 * Returns 0, or TN_E_CONFIG if a preset itself is wrong (our mistake), TN_E_NOMEM.
 */
int tn_conf_init(struct tn_conf *c, const struct tn_conf_key *keys,
    void *settings, struct tn_arena *arena, struct tn_err *err);

/*
 * Lines are "[section]", "key = value" or "# comment"; a value may stand in
 * double quotes. A secret of text may be given as "key_file = PATH" instead:
 * then it is the first line of that file, which others must not be able to
 * read. Lists take a line an item, and an empty value adds none.
 *
 * Read a file. Unknown section or key, a key given twice, a bad value: the
 * error reads "FILE:LINE: what". Words given before with tn_conf_word win.
 * Returns 0, TN_E_CONFIG, TN_E_NOMEM, or TN_E_SYSTEM if it cannot be read.
 */
int tn_conf_file(struct tn_conf *c, const char *path, struct tn_err *err);

/* The same from memory; name stands for the file in messages. */
int tn_conf_text(struct tn_conf *c, const char *name, struct tn_slice text,
    struct tn_err *err);

/*
 * Read one "section.key=value" of the command line ("-o ..."). The last word
 * of a key wins; those of a list add up.
 * Returns 0 or TN_E_CONFIG.
 */
int tn_conf_word(struct tn_conf *c, const char *word, struct tn_err *err);

#endif
