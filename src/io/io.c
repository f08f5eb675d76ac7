#include "config.h"

#include "io/io.h"

#include <stdlib.h>

#include "base/random.h"
#include "io/gather.h"
#include "io/inner.h"

enum {
	CONNECT_TIMEOUT_MS = 45000,
	ARENA_BYTES = 64 * 1024,	/* event names that have escapes */
	SCRATCH_KEPT = 64 * 1024,
	ID_SLOT_CHARS = 5,		/* of six bits, at the end of an id */
	FIRST_SLOTS = 64,
};

/* ---- slots ----------------------------------------------------------------*/

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Random as the reference's ids are, with the slot where it has a counter. */
static void
write_id(char *id, uint32_t slot)
{
	const size_t random = TN_EIO_ID_LEN - ID_SLOT_CHARS;

	tn_random_text(id, random);
	for (size_t i = 0; i < ID_SLOT_CHARS; i++)
		id[random + i] =
		    alphabet[slot >> (6 * (ID_SLOT_CHARS - 1 - i)) & 63];
	id[TN_EIO_ID_LEN] = '\0';
}

bool
tn_slot_of_id(struct tn_slice id, uint32_t *slot)
{
	uint32_t n = 0;

	for (size_t i = TN_EIO_ID_LEN - ID_SLOT_CHARS; i < id.len; i++) {
		const char *found = id.ptr[i] == '\0' ? NULL :
		    strchr(alphabet, id.ptr[i]);

		if (found == NULL)
			return false;
		n = n << 6 | (uint32_t)(found - alphabet);
	}
	*slot = n;
	return true;
}

static bool
grow_slots(struct tn_io *io)
{
	uint32_t n = io->nslots == 0 ? FIRST_SLOTS : io->nslots * 2;
	struct tn_slot *slots;

	if (n > UINT32_C(1) << (6 * ID_SLOT_CHARS) ||
	    (slots = realloc(io->slots, n * sizeof(*slots))) == NULL)
		return false;
	for (uint32_t i = n; i-- > io->nslots;) {
		slots[i] = (struct tn_slot){ NULL, 1, io->free_slot };
		io->free_slot = i;
	}
	io->slots = slots;
	io->nslots = n;
	return true;
}

int
tn_slot_take(struct tn_io *io, struct tn_socket *s)
{
	struct tn_slot *slot;

	if (io->free_slot == TN_NO_SLOT && !grow_slots(io))
		return TN_E_NOMEM;
	s->slot = io->free_slot;
	slot = &io->slots[s->slot];
	io->free_slot = slot->next_free;
	slot->socket = s;
	s->generation = slot->generation;
	write_id(s->id, s->slot);
	return 0;
}

int
tn_slot_adopt(struct tn_socket *s, struct tn_slice id)
{
	char *copy = malloc(id.len + 1);

	if (copy == NULL ||
	    tn_map_set(&s->ns->io->adopted, id, s, NULL) < 0) {
		free(copy);
		return TN_E_NOMEM;
	}
	memcpy(copy, id.ptr, id.len);
	copy[id.len] = '\0';
	s->long_id = copy;
	return 0;
}

void
tn_slot_give(struct tn_io *io, const struct tn_socket *s)
{
	struct tn_slot *slot = &io->slots[s->slot];

	slot->socket = NULL;
	slot->generation++;
	slot->next_free = io->free_slot;
	io->free_slot = s->slot;
	if (s->long_id != NULL)
		tn_map_remove(&io->adopted, tn_slice_str(s->long_id));
}

struct tn_socket_ref
tn_socket_ref(const struct tn_socket *s)
{
	return (struct tn_socket_ref){ s->ns->io, s->slot, s->generation };
}

struct tn_socket *
tn_socket_deref(struct tn_socket_ref ref)
{
	if (ref.io == NULL || ref.slot >= ref.io->nslots ||
	    ref.io->slots[ref.slot].generation != ref.generation)
		return NULL;
	return ref.io->slots[ref.slot].socket;
}

/* ---- the dead -------------------------------------------------------------*/

static void
free_dead(void *arg)
{
	struct tn_io *io = arg;

	while (!tn_list_empty(&io->dead)) {
		struct tn_list *it = io->dead.next;
		struct tn_socket *s = TN_CONTAINER(it, struct tn_socket, link);

		tn_list_remove(it);
		tn_ns_unref(s->ns);
		free(s->long_id);
		free(s);
	}
	if (io->scratch.cap > SCRATCH_KEPT)
		tn_buf_fini(&io->scratch);
	if (io->stamped.cap > SCRATCH_KEPT)
		tn_buf_fini(&io->stamped);
	if (io->packed.cap > SCRATCH_KEPT)
		tn_buf_fini(&io->packed);
}

void
tn_io_bury(struct tn_io *io, struct tn_socket *s)
{
	tn_list_append(&io->dead, &s->link);
	if (!tn_timer_is_set(&io->reaper))
		tn_wheel_set(io->wheel, &io->reaper, io->wheel->now_ms,
		    free_dead, io);
}

/* ---- life -----------------------------------------------------------------*/

struct tn_io *
tn_io_new(const struct tn_io_options *options, struct tn_wheel *wheel,
    struct tn_log *log, struct tn_err *err)
{
	struct tn_io *io = calloc(1, sizeof(*io));
	struct tn_engine_hooks hooks = tn_client_hooks;

	if (io == NULL) {
		tn_err_set(err, TN_E_NOMEM, "no memory for the server");
		return NULL;
	}
	io->wheel = wheel;
	io->log = log;
	io->free_slot = TN_NO_SLOT;
	io->connect_timeout_ms = options->connect_timeout_ms > 0 ?
	    options->connect_timeout_ms : CONNECT_TIMEOUT_MS;
	io->max_attachments = TN_LIMIT_ATTACHMENTS;
	if (options->max_attachments > 0 &&
	    options->max_attachments < TN_LIMIT_ATTACHMENTS)
		io->max_attachments = options->max_attachments;
	io->msgpack = options->msgpack;
	io->cleanup_empty_namespaces = options->cleanup_empty_namespaces;
	io->recovery_window_ms = options->recovery_window_ms;
	io->recovery_skips_steps = options->recovery_skips_steps;
	tn_memory_adapter_init(&io->memory);
	io->adapter = &io->memory;
	tn_list_init(&io->dead);
	tn_list_init(&io->waiting);
	tn_list_init(&io->gathers);
	tn_arena_init(&io->arena, ARENA_BYTES);
	tn_buf_init(&io->scratch, TN_LIMIT_CLUSTER_MESSAGE);
	tn_buf_init(&io->stamped, TN_LIMIT_CLUSTER_MESSAGE);
	tn_buf_init(&io->packed, TN_LIMIT_CLUSTER_MESSAGE);
	hooks.arg = io;
	io->engine = tn_engine_new(&options->engine, &hooks, wheel, log, err);
	if (io->engine == NULL)
		tn_io_free(&io);
	return io;
}

static void
forget_waiting(struct tn_io *io)
{
	while (!tn_list_empty(&io->waiting)) {
		struct tn_list *it = io->waiting.next;

		tn_list_remove(it);
		TN_CONTAINER(it, struct tn_held, link)->io = NULL;
	}
}

static void
free_parents(struct tn_io *io)
{
	while (io->parents != NULL) {
		struct tn_ns *parent = io->parents;

		io->parents = parent->next_parent;
		tn_ns_end(parent);
		tn_ns_unref(parent);
	}
}

void
tn_io_free(struct tn_io **io_)
{
	struct tn_io *io = *io_;
	const struct tn_map_entry *entry;
	size_t at = 0;

	*io_ = NULL;
	if (io == NULL)
		return;
	tn_engine_free(&io->engine);
	tn_gathers_end(io);
	forget_waiting(io);
	tn_wheel_cancel(io->wheel, &io->reaper);
	free_dead(io);
	while ((entry = tn_map_next(&io->namespaces, &at)) != NULL) {
		tn_ns_end(entry->value);
		tn_ns_unref(entry->value);
	}
	free_parents(io);
	tn_map_fini(&io->namespaces);
	tn_map_fini(&io->handlers);
	tn_map_fini(&io->adopted);
	tn_arena_fini(&io->arena);
	tn_buf_fini(&io->scratch);
	tn_buf_fini(&io->stamped);
	tn_buf_fini(&io->packed);
	free(io->slots);
	free(io);
}

struct tn_engine *
tn_io_engine(struct tn_io *io)
{
	return io->engine;
}

void
tn_io_set_adapter(struct tn_io *io, struct tn_adapter *adapter)
{
	io->adapter = adapter;
}

void
tn_io_close(struct tn_io *io)
{
	tn_engine_close_all(io->engine, TN_CLOSE_SHUTTING_DOWN);
}
