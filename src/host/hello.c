#include "config.h"

#include "host/hello.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/random.h"
#include "host/forwarded.h"
#include "session/signature.h"

#define MAGIC		"TANDEM1 "
#define KEY_PREFIX	"tandem forwarding 1 "
#define TEXT_BYTES	1024

_Static_assert((int)TN_HELLO_ADDRESS == (int)TN_ADDRESS_TEXT,
    "an address is an address");

/* What is signed: who speaks, both nonces, whom it is for, about whom. */
static void
write_claim(struct tn_buf *b, const struct tn_hello *h, const char *who,
    struct tn_slice name, struct tn_slice address)
{
	tn_buf_init(b, TEXT_BYTES);
	tn_buf_printf(b, "%s|%s|%s|%.*s|%.*s", who, h->out, h->in,
	    TN_SLICE_ARG(name), TN_SLICE_ARG(address));
}

static int
append_mac(struct tn_buf *out, const struct tn_signer *signer,
    struct tn_buf *claim)
{
	struct tn_buf signed_claim;

	tn_buf_init(&signed_claim, 2 * TEXT_BYTES);
	if (claim->failed == 0)
		tn_sign(&signed_claim, signer, tn_buf_view(claim));
	if (claim->failed == 0 && signed_claim.failed == 0)
		tn_buf_slice(out, tn_slice_after(tn_buf_view(&signed_claim),
		    claim->len + 1));
	else
		out->failed = claim->failed != 0 ? claim->failed :
		    signed_claim.failed;
	tn_buf_char(out, '\n');
	tn_buf_fini(&signed_claim);
	tn_buf_fini(claim);
	return out->failed;
}

static int
check_mac(const struct tn_signer *signer, struct tn_buf *claim,
    struct tn_slice mac)
{
	struct tn_slice value;
	int r;

	tn_buf_char(claim, '.');
	tn_buf_slice(claim, mac);
	r = claim->failed;
	if (r == 0 && !tn_unsign(signer, tn_buf_view(claim), &value))
		r = TN_E_DENIED;
	tn_buf_fini(claim);
	return r;
}

static bool
is_nonce(struct tn_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] > '~' || s.ptr[i] == '|')
			return false;
	return s.len == TN_HELLO_NONCE;
}

static int
take_nonce(char *to, struct tn_slice nonce)
{
	if (!is_nonce(nonce))
		return TN_E_SYNTAX;
	memcpy(to, nonce.ptr, TN_HELLO_NONCE);
	to[TN_HELLO_NONCE] = '\0';
	return 0;
}

void
tn_hello_begin(struct tn_hello *h, struct tn_buf *buf)
{
	*h = (struct tn_hello){ .out = "" };
	tn_random_text(h->out, TN_HELLO_NONCE);
	tn_buf_printf(buf, MAGIC "%s\n", h->out);
}

int
tn_hello_answer(struct tn_hello *h, const struct tn_signer *signer,
    struct tn_slice name, struct tn_slice line, struct tn_buf *buf)
{
	struct tn_buf claim;
	int r;

	*h = (struct tn_hello){ .out = "" };
	if (!tn_slice_starts(line, TN_SLICE(MAGIC)))
		return TN_E_SYNTAX;
	r = take_nonce(h->out, tn_slice_after(line, sizeof(MAGIC) - 1));
	if (r < 0)
		return r;
	tn_random_text(h->in, TN_HELLO_NONCE);
	tn_buf_printf(buf, "%s ", h->in);
	write_claim(&claim, h, "in", name, TN_SLICE_NONE);
	return append_mac(buf, signer, &claim);
}

int
tn_hello_confirm(struct tn_hello *h, const struct tn_signer *signer,
    struct tn_slice name, struct tn_slice address, struct tn_slice line,
    struct tn_buf *buf)
{
	struct tn_slice nonce = tn_slice_cut(&line, ' ');
	struct tn_buf claim;
	int r = take_nonce(h->in, nonce);

	if (r < 0)
		return r;
	write_claim(&claim, h, "in", name, TN_SLICE_NONE);
	r = check_mac(signer, &claim, line);
	if (r < 0)
		return r;
	tn_buf_printf(buf, "%.*s ", TN_SLICE_ARG(address.len == 0 ?
	    TN_SLICE("-") : address));
	write_claim(&claim, h, "out", name, address);
	return append_mac(buf, signer, &claim);
}

int
tn_hello_accept(const struct tn_hello *h, const struct tn_signer *signer,
    struct tn_slice name, struct tn_slice line,
    char address[TN_HELLO_ADDRESS])
{
	struct tn_slice said = tn_slice_cut(&line, ' ');
	struct tn_buf claim;
	int r;

	address[0] = '\0';
	if (tn_slice_is(said, "-"))
		said = TN_SLICE_NONE;
	else if (!tn_address_read(said, address))
		return TN_E_SYNTAX;
	write_claim(&claim, h, "out", name, said);
	r = check_mac(signer, &claim, line);
	if (r < 0)
		address[0] = '\0';
	return r;
}

struct tn_signer *
tn_hello_signer(const char *const *secrets, size_t n, struct tn_err *err)
{
	struct tn_slice views[TN_LIMIT_SECRETS] = { { NULL, 0 } };
	struct tn_buf keys[TN_LIMIT_SECRETS];
	struct tn_signer *signer = NULL;
	int failed = 0;

	if (n > TN_LIMIT_SECRETS) {
		tn_err_set(err, TN_E_CONFIG, "more than %d secrets",
		    TN_LIMIT_SECRETS);
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		tn_buf_init(&keys[i], 65536);
		tn_buf_str(&keys[i], KEY_PREFIX);
		tn_buf_str(&keys[i], secrets[i]);
		views[i] = tn_buf_view(&keys[i]);
		if (keys[i].failed != 0)
			failed = keys[i].failed;
	}
	if (failed != 0)
		tn_err_set(err, failed, "no memory for the secrets");
	else
		signer = tn_signer_new(views, n, err);
	for (size_t i = 0; i < n; i++) {
		if (keys[i].ptr != NULL)
			tn_wipe(keys[i].ptr, keys[i].cap);
		tn_buf_fini(&keys[i]);
	}
	return signer;
}
