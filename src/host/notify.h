/* Tells systemd how we are, where it asked to be told (NOTIFY_SOCKET). */
#ifndef TN_NOTIFY_H
#define TN_NOTIFY_H

/* Send a line such as "READY=1"; nothing if nobody asked. See sd_notify(3). */
void tn_notify(const char *state);

/* Send RELOADING=1 with the time it wants; READY=1 must follow. */
void tn_notify_reloading(void);

#endif
