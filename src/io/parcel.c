/* Packets made ready to be queued, by whichever parser the server speaks. */
#include "config.h"

#include "io/inner.h"
#include "io/mp_packet.h"

static bool
add(struct tn_parcel *p, struct tn_rcbuf *rc)
{
	if (rc == NULL)
		return false;
	p->parts[p->n++] = rc;
	return true;
}

static bool
add_text(struct tn_parcel *p, const struct tn_sio_packet *packet,
    const struct tn_slice *buffers)
{
	bool ok = add(p, tn_sio_encode(packet));

	for (size_t i = 0; ok && i < packet->attachments; i++)
		ok = add(p, tn_message_new(buffers[i], TN_SLICE_NONE, true));
	return ok;
}

int
tn_parcel_init(struct tn_parcel *p, struct tn_io *io,
    const struct tn_sio_packet *packet, const struct tn_slice *buffers)
{
	bool ok;

	p->n = 0;
	if (packet->attachments > TN_LIMIT_ATTACHMENTS)
		return TN_E_LIMIT;
	ok = io->msgpack ? add(p, tn_mp_encode(packet, buffers, &io->packed)) :
	    add_text(p, packet, buffers);
	if (ok)
		return 0;
	tn_parcel_fini(p);
	return TN_E_NOMEM;
}

void
tn_parcel_fini(struct tn_parcel *p)
{
	while (p->n > 0)
		tn_rcbuf_unref(&p->parts[--p->n]);
}

void
tn_parcel_send(const struct tn_parcel *p, struct tn_conn *conn)
{
	for (size_t i = 0; i < p->n; i++)
		tn_conn_send(conn, p->parts[i]);
}
