#include "config.h"

#include "tally.h"

#define WINDOW	64

static void
move_on(struct tally *t, uint64_t *lost)
{
	if ((t->ahead & 1) == 0)
		++*lost;
	t->ahead >>= 1;
	t->next++;
}

bool
tally_take(struct tally *t, uint64_t seq, uint64_t *lost)
{
	if (seq < t->next)
		return false;
	while (seq - t->next >= WINDOW)
		move_on(t, lost);
	if ((t->ahead >> (seq - t->next) & 1) != 0)
		return false;
	t->ahead |= UINT64_C(1) << (seq - t->next);
	while ((t->ahead & 1) != 0)
		move_on(t, lost);
	return true;
}

void
tally_close(struct tally *t, uint64_t end, uint64_t *lost)
{
	while (t->next < end)
		move_on(t, lost);
}
