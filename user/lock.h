/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Commands on one instance take turns. */
#ifndef XGRE_LOCK_H
#define XGRE_LOCK_H

/*
 * Wait for the instance's lock and hold it until instance_unlock(), or the
 * process' end. 0, or -errno after a message.
 */
int instance_lock(const char *instance, int *ret_fd);
/* The same without waiting: -EWOULDBLOCK, and no message, where another process holds it. */
int instance_try_lock(const char *instance, int *ret_fd);
void instance_unlock(const char *instance, int fd);

#endif
