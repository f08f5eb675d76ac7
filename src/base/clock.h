/* What time it is. */
#ifndef TN_CLOCK_H
#define TN_CLOCK_H

#include <stdint.h>

/* Milliseconds that only go forward; for deadlines. */
int64_t tn_clock_mono_ms(void);

/* Milliseconds since 1970 UTC; for what people read. */
int64_t tn_clock_wall_ms(void);

#endif
