// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What every part of the daemon has in common. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>
#include "cli.h"
#include "daemon.h"

void daemon_say(const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	/* one write: lines of several daemons may share a terminal or a file */
	fprintf(stderr, "%s: %s\n", cli_name, text);
}

void daemon_count(const struct daemon *d, enum xgre_daemon_counter counter, uint64_t n)
{
	/* threads count as well */
	__atomic_fetch_add(&d->st->daemon->count[counter], n, __ATOMIC_RELAXED);
}

static void lock_path(const char *instance, char ret[128])
{
	snprintf(ret, 128, "/run/xgred-%s.lock", instance);
}

/*
 * The file stays when the daemon goes: without a name that is taken away there
 * is no moment at which two could hold two different files.
 */
int daemon_lock(const char *instance)
{
	char path[128];
	int fd, err;

	lock_path(instance, path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return 0; /* the descriptor is the process', and so is the lock */
	err = errno == EWOULDBLOCK ? -EBUSY : -errno;
	close(fd);
	return err;
}

bool daemon_runs(const char *instance)
{
	char path[128];
	bool runs;
	int fd;

	lock_path(instance, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	/* shared: two that ask at the same time are not taken for the daemon */
	runs = flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
	close(fd);
	return runs;
}
