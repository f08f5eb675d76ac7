/* Every key of tandem.conf; private to settings. */
#ifndef SETTINGS_KEYS_H
#define SETTINGS_KEYS_H

#include "base/conf.h"

/* Ended by a section of NULL, as tn_conf_init wants it. */
extern const struct tn_conf_key settings_keys[];

#endif
