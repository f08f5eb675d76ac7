/*
 * For src/web alone: lines kept in the session for the next page, in the
 * form of connect-flash: "flash": { KIND: [TEXT, ...], ... }.
 */
#ifndef TN_FLASH_H
#define TN_FLASH_H

#include "web/view.h"

struct tn_req;

/*
 * Take the lines out of the session, as a list for a view: each item has
 * "kind" and "text". Without a session there are none.
 * Returns 0; TN_E_NOMEM, TN_E_LIMIT.
 */
int tn_flash_take(struct tn_req *req, struct tn_var *list);

#endif
