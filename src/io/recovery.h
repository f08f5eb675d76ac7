/* Recovery as the in-memory adapter does it: tn_adapter_ops for one process. */
#ifndef TN_RECOVERY_H
#define TN_RECOVERY_H

#include "io/adapter.h"

struct tn_recovery;	/* of one namespace */

int tn_recovery_store(struct tn_adapter *a, struct tn_ns *ns,
    const struct tn_broadcast_packet *packet,
    char offset[TN_OFFSET_LEN + 1]);
int tn_recovery_persist(struct tn_adapter *a, struct tn_ns *ns,
    const struct tn_saved_session *session);
void tn_recovery_restore(struct tn_adapter *a, struct tn_ns *ns,
    const struct tn_comeback_ask *ask, tn_restored_fn *fn, void *arg);

void tn_recovery_free(struct tn_recovery **recovery);

#endif
