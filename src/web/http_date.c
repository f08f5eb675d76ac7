#include "config.h"

#include "web/http_date.h"

#include <stdio.h>
#include <time.h>

static bool
month_of(const char *name, int *month)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const char *at = strlen(name) == 3 ? strstr(names, name) : NULL;

	if (at == NULL || (at - names) % 3 != 0)
		return false;
	*month = (int)(at - names) / 3;
	return true;
}

/* Two digits of a year are of this century up to 69. */
static void
full_year(struct tm *tm)
{
	if (tm->tm_year < 100)
		tm->tm_year += tm->tm_year < 70 ? 2000 : 1900;
	tm->tm_year -= 1900;
}

bool
tn_http_date_read(struct tn_slice s, int64_t *seconds)
{
	struct tm tm = { .tm_isdst = 0 };
	char text[40], month[4] = "";
	int end = 0;

	if (s.len < 24 || s.len >= sizeof(text))
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	if (sscanf(text, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n",
	    &tm.tm_mday, month, &tm.tm_year, &tm.tm_hour, &tm.tm_min,
	    &tm.tm_sec, &end) != 6 && sscanf(text,
	    "%*9[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT%n",
	    &tm.tm_mday, month, &tm.tm_year, &tm.tm_hour, &tm.tm_min,
	    &tm.tm_sec, &end) != 6 && sscanf(text,
	    "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d%n", month,
	    &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &tm.tm_year,
	    &end) != 6)
		return false;
	if ((size_t)end != s.len || !month_of(month, &tm.tm_mon) ||
	    tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour < 0 ||
	    tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59 ||
	    tm.tm_sec < 0 || tm.tm_sec > 60 || tm.tm_year < 0)
		return false;
	full_year(&tm);
	*seconds = timegm(&tm);
	return true;
}
