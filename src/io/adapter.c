#include "config.h"

#include "io/adapter.h"

#include "io/inner.h"
#include "io/recovery.h"

static const struct tn_adapter_ops memory_ops = {
	.store = tn_recovery_store,
	.persist = tn_recovery_persist,
	.restore = tn_recovery_restore,
};

void
tn_memory_adapter_init(struct tn_adapter *a)
{
	*a = (struct tn_adapter){ .ops = &memory_ops };
}

int
tn_adapter_open(struct tn_adapter *a, struct tn_ns *ns, struct tn_err *err)
{
	return a->ops->open == NULL ? 0 : a->ops->open(a, ns, err);
}

void
tn_adapter_close(struct tn_adapter *a, struct tn_ns *ns)
{
	if (a->ops->close != NULL)
		a->ops->close(a, ns);
}

int
tn_adapter_publish(struct tn_adapter *a, struct tn_ns *ns,
    const struct tn_broadcast_packet *packet)
{
	return a->ops->publish == NULL ? 0 : a->ops->publish(a, ns, packet);
}

void
tn_adapter_room_opened(struct tn_adapter *a, struct tn_ns *ns,
    struct tn_slice room)
{
	if (a->ops->room_opened != NULL)
		a->ops->room_opened(a, ns, room);
}

void
tn_adapter_room_closed(struct tn_adapter *a, struct tn_ns *ns,
    struct tn_slice room)
{
	if (a->ops->room_closed != NULL)
		a->ops->room_closed(a, ns, room);
}

void
tn_adapter_socket_opened(struct tn_adapter *a, struct tn_ns *ns,
    struct tn_slice id)
{
	if (a->ops->socket_opened != NULL)
		a->ops->socket_opened(a, ns, id);
}

void
tn_adapter_socket_closed(struct tn_adapter *a, struct tn_ns *ns,
    struct tn_slice id)
{
	if (a->ops->socket_closed != NULL)
		a->ops->socket_closed(a, ns, id);
}

bool
tn_adapter_recovers(const struct tn_adapter *a)
{
	return a->ops->store != NULL && a->ops->persist != NULL &&
	    a->ops->restore != NULL;
}

int
tn_adapter_requests_ms(const struct tn_adapter *a)
{
	return a->requests_ms > 0 ? a->requests_ms :
	    TN_LIMIT_CLUSTER_REQUEST_MS;
}
