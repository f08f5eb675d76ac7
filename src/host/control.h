/*
 * The local socket on which a worker is asked how it is and told what to do.
 *
 * A connection carries one request and one answer, then it is closed:
 *
 *	["disconnect","4fUk..."]\n	words, a JSON array of strings
 *	{...}\n				JSON; what is refused: {"error":"why"}
 *
 * Only root and the worker's own user are heard.
 */
#ifndef TN_CONTROL_H
#define TN_CONTROL_H

#include "base/slice.h"

struct tn_arena;
struct tn_control;
struct tn_control_call;		/* a request that waits for its answer */
struct tn_err;
struct tn_log;
struct tn_loop;

/*
 * A request has come; it is to be answered once, now or later, by one of the
 * two functions below.
 *
 * words  n of them, 1..TN_LIMIT_CONTROL_WORDS; borrowed for the call
 */
typedef void tn_control_fn(struct tn_control_call *call,
    const struct tn_slice *words, size_t n, void *arg);

/*
 * path  of the socket, which is bound here with mode 0600; its folder must
 *       be this user's or root's, and others must not be able to write there
 *
 * Returns NULL with TN_E_CONFIG, TN_E_STATE (somebody listens there),
 * TN_E_SYSTEM or TN_E_NOMEM.
 */
struct tn_control *tn_control_new(struct tn_loop *loop, struct tn_log *log,
    const char *path, tn_control_fn *fn, void *arg, struct tn_err *err);

/* Calls that are not answered yet may still be, and then go nowhere. */
void tn_control_free(struct tn_control **control);

/*
 * json: one document without a line end; borrowed for the call. One that is
 * longer than TN_LIMIT_CONTROL_ANSWER with its end is refused instead.
 */
void tn_control_answer(struct tn_control_call *call, struct tn_slice json);
void tn_control_refuse(struct tn_control_call *call, const char *text);

/*
 * A request's words.
 *
 * text   the line, without its end
 * arena  for what has to be decoded
 * words  room for cap
 * n      set to the words filled, 1..cap
 *
 * Returns 0; TN_E_SYNTAX, TN_E_TYPE (no array of strings), TN_E_LIMIT,
 * TN_E_NOMEM.
 */
int tn_control_words(struct tn_slice text, struct tn_arena *arena,
    struct tn_slice *words, size_t cap, size_t *n, struct tn_err *err);

#endif
