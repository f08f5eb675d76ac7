/*
 * Takes a multipart/form-data body apart as it comes, in pieces of any size.
 * Source: RFC 7578, RFC 2046.
 */
#ifndef TN_MULTIPART_H
#define TN_MULTIPART_H

#include "base/limits.h"
#include "base/slice.h"

struct tn_err;

/* What a part says of itself; views of the parser's own storage. */
struct tn_part_head {
	struct tn_slice name;
	struct tn_slice filename;	/* ptr NULL: it is a field */
	struct tn_slice type;		/* Content-Type; may be empty */
};

/* Each returns 0 or a negative error, which ends the parsing. */
struct tn_multipart_handler {
	int (*on_part)(void *arg, const struct tn_part_head *head,
	    struct tn_err *err);
	int (*on_data)(void *arg, struct tn_slice bytes, struct tn_err *err);
	int (*on_end)(void *arg, struct tn_err *err);
	void *arg;
};

struct tn_multipart {
	struct tn_multipart_handler handler;
	char mark[4 + 70];		/* CR LF "--" and the boundary */
	size_t nmark;
	size_t matched;			/* of the mark, at the end so far */
	enum tn_multipart_state {
		TN_MULTIPART_PREAMBLE, TN_MULTIPART_MARK, TN_MULTIPART_LAST,
		TN_MULTIPART_LINE, TN_MULTIPART_HEAD, TN_MULTIPART_DATA,
		TN_MULTIPART_EPILOGUE,
	} state;
	char head[TN_LIMIT_PART_HEAD];
	size_t nhead;
};

/*
 * content_type  "multipart/form-data; boundary=..."
 * Returns 0, or TN_E_SYNTAX: it has no boundary of 1 to 70 characters.
 */
int tn_multipart_init(struct tn_multipart *m, struct tn_slice content_type,
    const struct tn_multipart_handler *handler, struct tn_err *err);

/* The next bytes. 0; TN_E_SYNTAX, TN_E_LIMIT, or what the handler said. */
int tn_multipart_feed(struct tn_multipart *m, struct tn_slice bytes,
    struct tn_err *err);

/* That was all: 0, or TN_E_SYNTAX if the last boundary did not come. */
int tn_multipart_end(const struct tn_multipart *m, struct tn_err *err);

#endif
