#include "config.h"

#include "io/ws_deflate.h"

#include "base/err.h"

enum {
	MIN_BITS = 8,
	MAX_BITS = 15,
	NO_NUMBER = -1,
	NO_VALUE = -2,
};

enum parameter {
	SERVER_NO_CONTEXT,
	CLIENT_NO_CONTEXT,
	SERVER_BITS,
	CLIENT_BITS,
	PARAMETERS
};

static const char *const names[PARAMETERS] = {
	[SERVER_NO_CONTEXT] = "server_no_context_takeover",
	[CLIENT_NO_CONTEXT] = "client_no_context_takeover",
	[SERVER_BITS] = "server_max_window_bits",
	[CLIENT_BITS] = "client_max_window_bits",
};

/* One element of the header, as far as it was read. */
struct offer {
	bool is_ours;
	bool is_bad;
	bool has[PARAMETERS];
	int server_bits, client_bits;
};

/* ---- Text ---------------------------------------------------------------- */

static bool
take(struct tn_slice *rest, char c)
{
	if (rest->len == 0 || *rest->ptr != c)
		return false;
	*rest = tn_slice_after(*rest, 1);
	return true;
}

static void
skip_space(struct tn_slice *rest)
{
	while (take(rest, ' ') || take(rest, '\t'))
		;
}

/* One character or more. */
static bool
cut_token(struct tn_slice *rest, struct tn_slice *token)
{
	size_t n = 0;

	while (n < rest->len && tn_is_token_char(rest->ptr[n]))
		n++;
	*token = tn_slice_first(*rest, n);
	*rest = tn_slice_after(*rest, n);
	return n > 0;
}

/* One digit more; a number of three or with a zero in front is none. */
static int
add_digit(int number, char c)
{
	if (number == NO_NUMBER || c < '0' || c > '9' || number == 0 ||
	    number > MAX_BITS)
		return NO_NUMBER;
	return (number == NO_VALUE ? 0 : number * 10) + c - '0';
}

/* A token, or a quoted one that may have a '\' in front of each character. */
static bool
cut_value(struct tn_slice *rest, int *number)
{
	const bool is_quoted = take(rest, '"');

	*number = NO_VALUE;
	for (;;) {
		const bool is_escaped = is_quoted && take(rest, '\\');

		if (rest->len == 0 || !tn_is_token_char(*rest->ptr)) {
			return !is_escaped && *number != NO_VALUE &&
			    (!is_quoted || take(rest, '"'));
		}
		*number = add_digit(*number, *rest->ptr);
		*rest = tn_slice_after(*rest, 1);
	}
}

/* ---- Meaning ------------------------------------------------------------- */

static bool
is_bits(int number)
{
	return number >= MIN_BITS && number <= MAX_BITS;
}

static bool
set(struct offer *o, enum parameter which, int value)
{
	switch (which) {
	case SERVER_BITS:
		o->server_bits = value;
		return is_bits(value);
	case CLIENT_BITS:	/* alone it says: tell me mine */
		o->client_bits = value == NO_VALUE ? 0 : value;
		return value == NO_VALUE || is_bits(value);
	default:
		return value == NO_VALUE;
	}
}

static void
add_parameter(struct offer *o, struct tn_slice name, int value)
{
	int i = 0;

	while (i < PARAMETERS && !tn_slice_is(name, names[i]))
		i++;
	if (i == PARAMETERS || o->has[i] || !set(o, i, value)) {
		o->is_bad = true;
		return;
	}
	o->has[i] = true;
}

/* Returns whether it is well-formed, whatever it means. */
static bool
cut_offer(struct tn_slice *rest, struct offer *o)
{
	struct tn_slice name;

	*o = (struct offer){ .server_bits = MAX_BITS };
	skip_space(rest);
	if (!cut_token(rest, &name))
		return false;
	o->is_ours = tn_slice_is(name, "permessage-deflate");
	skip_space(rest);
	while (take(rest, ';')) {
		int value = NO_VALUE;

		skip_space(rest);
		if (!cut_token(rest, &name) ||
		    (take(rest, '=') && !cut_value(rest, &value)))
			return false;
		add_parameter(o, name, value);
		skip_space(rest);
	}
	return true;
}

int
tn_ws_deflate_read(struct tn_slice header, struct tn_ws_deflate *terms)
{
	struct tn_slice rest = tn_slice_trim(header);
	struct offer o;

	*terms = (struct tn_ws_deflate){ 0 };
	do {
		if (!cut_offer(&rest, &o) || (o.is_ours && o.is_bad))
			return TN_E_SYNTAX;
		if (!o.is_ours || terms->offers++ > 0)
			continue;
		terms->server_bits = (uint8_t)o.server_bits;
		terms->client_bits = (uint8_t)o.client_bits;
		terms->bounds_server = o.has[SERVER_BITS];
	} while (take(&rest, ','));
	return rest.len > 0 ? TN_E_SYNTAX : terms->offers > 0;
}

void
tn_ws_deflate_write(const struct tn_ws_deflate *terms, struct tn_buf *out)
{
	tn_buf_printf(out, "; %s; %s", names[SERVER_NO_CONTEXT],
	    names[CLIENT_NO_CONTEXT]);
	if (terms->bounds_server)
		tn_buf_printf(out, "; %s=%d", names[SERVER_BITS],
		    terms->server_bits);
	if (terms->client_bits > 0)
		tn_buf_printf(out, "; %s=%d", names[CLIENT_BITS],
		    terms->client_bits);
}
