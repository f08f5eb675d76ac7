#include "config.h"

#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void __attribute__((format(printf, 3, 0)))
fill(struct tn_err *err, int code, const char *fmt, va_list args)
{
	err->code = code;
	if (vsnprintf(err->text, sizeof(err->text), fmt, args) < 0)
		err->text[0] = '\0';
}

int
tn_err_set(struct tn_err *err, int code, const char *fmt, ...)
{
	va_list args;

	if (err == NULL)
		return code;
	va_start(args, fmt);
	fill(err, code, fmt, args);
	va_end(args);
	return code;
}

int
tn_err_errno(struct tn_err *err, int code, const char *fmt, ...)
{
	int saved = errno;
	char space[128];
	va_list args;
	size_t len;

	if (err == NULL)
		return code;
	va_start(args, fmt);
	fill(err, code, fmt, args);
	va_end(args);
	len = strlen(err->text);
	snprintf(err->text + len, sizeof(err->text) - len, ": %s",
	    strerror_r(saved, space, sizeof(space)));
	errno = saved;
	return code;
}

const char *
tn_err_name(int code)
{
	switch (code) {
#define ERR_TEXT(name, number, text) case TN_E_##name: return text;
	TN_ERRORS(ERR_TEXT)
#undef ERR_TEXT
	default:
		return "unknown error";
	}
}
