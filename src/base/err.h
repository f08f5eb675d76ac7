/* What went wrong: a code for the program, one sentence for a person. */
#ifndef TN_ERR_H
#define TN_ERR_H

#include <stddef.h>

#define TN_ERRORS(X)						\
	X(NOMEM,	-1,	"out of memory")		\
	X(LIMIT,	-2,	"a limit was passed")		\
	X(SYNTAX,	-3,	"malformed input")		\
	X(TYPE,		-4,	"value of the wrong type")	\
	X(STATE,	-5,	"not possible in this state")	\
	X(IO,		-6,	"input or output failed")	\
	X(TIMEOUT,	-7,	"deadline passed")		\
	X(AWAY,		-8,	"the peer is away")		\
	X(DENIED,	-9,	"not allowed")			\
	X(CONFLICT,	-10,	"changed by someone else")	\
	X(CONFIG,	-11,	"configuration refused")	\
	X(SYSTEM,	-12,	"system call failed")

enum tn_err_code {
#define TN_ERR_ENUM(name, number, text) TN_E_##name = (number),
	TN_ERRORS(TN_ERR_ENUM)
#undef TN_ERR_ENUM
};

struct tn_err {
	int code;		/* 0, or TN_E_* */
	char text[256];		/* one sentence, NUL-terminated */
};

/*
 * Fill an error and hand its code back, for "return tn_err_set(...)".
 *
 * err   may be NULL: then only the code is returned
 * code  TN_E_*
 * fmt   printf format of the sentence; peer bytes are quoted by the caller
 *
 * Returns code.
 */
int tn_err_set(struct tn_err *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As tn_err_set, with ": " and the text of errno put behind the sentence. */
int tn_err_errno(struct tn_err *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The standing text of a code; "unknown error" for any other number. */
const char *tn_err_name(int code);

#endif
