/*
 * Proof that a form is ours: a secret in the session, shown to pages under a
 * fresh mask each time, so that compressed pages do not give it away bit by
 * bit.
 *
 *	proof = base64url(mask, secret xor mask)
 */
#include "config.h"

#include "web/middleware.h"

#include "base/base64.h"
#include "base/random.h"

enum {
	SECRET_BYTES = 24,	/* of base64url text: 144 bits */
	PROOF_CHARS = 2 * SECRET_BYTES * 4 / 3,
};

static const char secret_name[] = "csrfSecret";

static bool
find_secret(const struct tn_session *s, struct tn_slice *secret)
{
	return tn_session_get_string(s, secret_name, secret) &&
	    secret->len == SECRET_BYTES;
}

/* The secret of this session, made if it has none. */
static int
need_secret(struct tn_req *req, struct tn_session *s, struct tn_slice *secret)
{
	char text[SECRET_BYTES + 1];
	int rc;

	if (find_secret(s, secret))
		return 0;
	tn_random_text(text, SECRET_BYTES);
	rc = tn_session_set_string(s, secret_name,
	    tn_slice(text, SECRET_BYTES));
	if (rc != 0)
		return tn_err_set(&req->err, rc, "no room for a form's proof");
	*secret = tn_arena_copy(req->arena, tn_slice(text, SECRET_BYTES));
	tn_wipe(text, sizeof(text));
	return secret->len == SECRET_BYTES ? 0 : tn_err_set(&req->err,
	    TN_E_NOMEM, "no memory for a form's proof");
}

/* mask  SECRET_BYTES of it; out  gets secret xor mask */
static void
apply_mask(char *out, const char *mask, struct tn_slice secret)
{
	for (size_t i = 0; i < SECRET_BYTES; i++)
		out[i] = (char)(mask[i] ^ secret.ptr[i]);
}

struct tn_slice
tn_req_csrf(struct tn_req *req)
{
	struct tn_session *s = tn_req_session(req);
	struct tn_buf *text = &req->res->out;	/* free until the head */
	char raw[2 * SECRET_BYTES];
	struct tn_slice secret, proof;

	if (s == NULL || need_secret(req, s, &secret) != 0)
		return TN_SLICE_NONE;
	tn_random_bytes(raw, SECRET_BYTES);
	apply_mask(raw + SECRET_BYTES, raw, secret);
	tn_buf_reset(text);
	tn_base64_encode(text, tn_slice(raw, sizeof(raw)), TN_BASE64_URL);
	if (tn_buf_finish(text, &proof, &req->err) != 0)
		return TN_SLICE_NONE;
	req->res->no_etag = true;
	proof = tn_arena_copy(req->arena, proof);
	if (proof.ptr == NULL)
		tn_err_set(&req->err, TN_E_NOMEM,
		    "no memory for a form's proof");
	return proof;
}

static bool
is_proof(struct tn_slice proof, struct tn_slice secret)
{
	char raw[SECRET_BYTES];
	struct tn_buf bytes;
	bool good = false;

	if (proof.len != PROOF_CHARS)
		return false;
	tn_buf_init(&bytes, 2 * SECRET_BYTES);
	if (tn_base64_decode(&bytes, proof, NULL) == 0 &&
	    bytes.len == 2 * SECRET_BYTES) {
		apply_mask(raw, bytes.ptr, secret);
		good = tn_equal_ct(tn_slice(raw, sizeof(raw)),
		    tn_slice(bytes.ptr + SECRET_BYTES, SECRET_BYTES));
	}
	tn_buf_fini(&bytes);
	return good;
}

/*
 * Browsers say where a request comes from, and no page can make them lie.
 * Programs say nothing; they have no cookies of somebody else to send.
 */
static int
check_source(struct tn_req *req)
{
	struct tn_slice site = tn_req_header(req, "sec-fetch-site");
	struct tn_slice origin = tn_req_header(req, "origin");

	if (site.len > 0 && !tn_slice_is(site, "same-origin") &&
	    !tn_slice_is(site, "none"))
		return tn_req_refuse(req, 403, "sent by another site");
	if (origin.len > 0 && !tn_slice_ieq(origin, tn_req_origin(req)))
		return tn_req_refuse(req, 403, "sent by another origin");
	return 0;
}

static int
check_proof(struct tn_req *req)
{
	struct tn_session *s = tn_req_session(req);
	struct tn_slice proof = tn_req_field(req, "_csrf");
	struct tn_slice secret;

	if (s == NULL)
		return req->err.code;
	if (proof.ptr == NULL)
		proof = tn_req_header(req, "x-csrf-token");
	if (find_secret(s, &secret) && is_proof(proof, secret))
		return TN_NEXT;
	return tn_req_refuse(req, 403, "the form's proof is missing or old");
}

static int
check(struct tn_req *req, struct tn_res *res, void *arg)
{
	int rc;

	(void)res;
	(void)arg;
	if (tn_req_is_safe(req))
		return TN_NEXT;
	rc = check_source(req);
	return rc != 0 ? rc : check_proof(req);
}

struct tn_step
tn_csrf(void)
{
	return (struct tn_step){ .fn = check };
}
