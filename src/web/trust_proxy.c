#include "config.h"

#include "web/trust_proxy.h"

#include <arpa/inet.h>

#include "base/err.h"

static const struct {
	const char *name;
	const char *subnets;
} known[] = {
	{ "loopback",	 "127.0.0.1/8,::1/128" },
	{ "linklocal",	 "169.254.0.0/16,fe80::/10" },
	{ "uniquelocal", "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7" },
};

/* Any address as 16 bytes. Returns 4, 6, or 0: it is none. */
static int
read_address(struct tn_slice s, unsigned char *bytes)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[INET6_ADDRSTRLEN];

	if (s.len == 0 || s.len >= sizeof(text) || tn_slice_find(s, '\0') >= 0)
		return 0;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	if (inet_pton(AF_INET6, text, bytes) == 1)
		return 6;
	memcpy(bytes, mapped, sizeof(mapped));
	return inet_pton(AF_INET, text, bytes + 12) == 1 ? 4 : 0;
}

bool
tn_is_address(struct tn_slice s)
{
	unsigned char bytes[16];

	return read_address(s, bytes) != 0;
}

static int
add_subnet(struct tn_trust *trust, struct tn_slice text, struct tn_err *err)
{
	struct tn_slice bits = text, address = tn_slice_cut(&bits, '/');
	struct tn_subnet *to = &trust->subnets[trust->n];
	uint64_t n = 128;
	int kind;

	if (trust->n == TN_LIMIT_SUBNETS)
		return tn_err_set(err, TN_E_CONFIG,
		    "more than %d trusted subnets", TN_LIMIT_SUBNETS);
	kind = read_address(address, to->bytes);
	if (kind != 0 && bits.ptr != NULL) {
		if (!tn_slice_u64(bits, &n) || n > (kind == 4 ? 32 : 128))
			kind = 0;
		else if (kind == 4)
			n += 96;
	}
	if (kind == 0)
		return tn_err_set(err, TN_E_CONFIG,
		    "no trusted address: \"%.*s\"", TN_SLICE_ARG(text));
	to->bits = (unsigned)n;
	trust->n++;
	return 0;
}

static int
add_word(struct tn_trust *trust, struct tn_slice word, struct tn_err *err)
{
	struct tn_slice rest = word;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (tn_slice_is(word, known[i].name))
			rest = tn_slice_str(known[i].subnets);
	}
	while (rest.ptr != NULL) {
		int rc = add_subnet(trust, tn_slice_cut(&rest, ','), err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

int
tn_trust_init(struct tn_trust *trust, const char *text, struct tn_err *err)
{
	struct tn_slice rest = tn_slice_trim(tn_slice_str(text));
	uint64_t hops;

	*trust = (struct tn_trust){ .is_set = false };
	if (rest.len == 0 || tn_slice_is(rest, "false"))
		return 0;
	trust->is_set = true;
	if (tn_slice_is(rest, "true")) {
		trust->all = true;
		return 0;
	}
	if (tn_slice_u64(rest, &hops)) {
		if (hops > TN_LIMIT_FORWARDED)
			return tn_err_set(err, TN_E_CONFIG,
			    "more than %d trusted hops", TN_LIMIT_FORWARDED);
		trust->hops = (unsigned)hops;
		return 0;
	}
	while (rest.ptr != NULL) {
		struct tn_slice word = tn_slice_trim(tn_slice_cut(&rest, ','));
		int rc = add_word(trust, word, err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static bool
is_in(const struct tn_subnet *subnet, const unsigned char *bytes)
{
	unsigned whole = subnet->bits / 8, rest = subnet->bits % 8;
	unsigned mask = 0xff00u >> rest & 0xff;

	return memcmp(subnet->bytes, bytes, whole) == 0 && (rest == 0 ||
	    ((unsigned)(subnet->bytes[whole] ^ bytes[whole]) & mask) == 0);
}

bool
tn_trust_ask(const struct tn_trust *trust, struct tn_slice address,
    unsigned hop)
{
	unsigned char bytes[16];

	if (trust->all || hop < trust->hops)
		return true;
	if (trust->n == 0 || read_address(address, bytes) == 0)
		return false;
	for (size_t i = 0; i < trust->n; i++) {
		if (is_in(&trust->subnets[i], bytes))
			return true;
	}
	return false;
}

size_t
tn_trust_chain(const struct tn_trust *trust, struct tn_slice peer,
    struct tn_slice forwarded, struct tn_slice *out, size_t cap)
{
	struct tn_slice rest = forwarded;
	size_t n = 1;

	out[0] = peer;
	while (rest.len > 0 && n < cap &&
	    tn_trust_ask(trust, out[n - 1], (unsigned)n - 1)) {
		size_t comma = (size_t)(tn_slice_rfind(rest, ',') + 1);
		struct tn_slice last =
		    tn_slice_trim(tn_slice_after(rest, comma));

		if (!tn_is_address(last))
			break;
		out[n++] = last;
		rest = tn_slice_first(rest, comma > 0 ? comma - 1 : 0);
	}
	return n;
}
