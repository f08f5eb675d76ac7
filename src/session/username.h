/* Names of users: one canonical form, and what looks like another name. */
#ifndef TN_USERNAME_H
#define TN_USERNAME_H

#include "base/slice.h"

struct tn_err;

#define TN_USERNAME_BYTES	129	/* TN_LIMIT_USERNAME in UTF-8, and a NUL */
#define TN_USERNAME_LOOK_BYTES	1024

struct tn_username {
	char shown[TN_USERNAME_BYTES];	/* NFKC of what was typed */
	char name[TN_USERNAME_BYTES];	/* its canonical form: case folded */
	/*
	 * What it looks like. Of two names with the same look only one may be
	 * taken, so the look is what is unique.
	 */
	char look[TN_USERNAME_LOOK_BYTES];
};

/*
 * Read a name as somebody typed it: letters, their marks and digits of one
 * script in daily use, and '.', '-' and '_' (Unicode Technical Standard 39,
 * "highly restrictive": Latin beside Chinese, Japanese or Korean is one).
 * Nothing invisible, no mark without a letter.
 *
 * Returns 0, TN_E_SYNTAX or TN_E_LIMIT with a sentence to be shown, or
 * TN_E_NOMEM.
 */
int tn_username_read(struct tn_username *out, struct tn_slice typed,
    struct tn_err *err);

#endif
