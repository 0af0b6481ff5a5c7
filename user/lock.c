// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli.h"
#include "lock.h"

static void lock_path(const char *instance, char ret[128])
{
	snprintf(ret, 128, "/run/xgre-%s.lock", instance);
}

static int lock_take(const char *instance, int flags, int *ret_fd)
{
	struct stat held, named;
	char path[128];

	lock_path(instance, path);
	for (;;) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

		if (fd < 0 || flock(fd, LOCK_EX | flags)) {
			int err = -errno;

			if (err != -EWOULDBLOCK)
				cli_error("%s: %s%s", path, strerror(-err),
				  err == -EACCES ? "; run as root" : "");
			if (fd >= 0)
				close(fd);
			return err;
		}
		/* Whoever had it before may have removed the file: then it is not the lock. */
		if (!fstat(fd, &held) && !stat(path, &named) && held.st_ino == named.st_ino) {
			*ret_fd = fd;
			return 0;
		}
		close(fd);
	}
}

int instance_lock(const char *instance, int *ret_fd)
{
	return lock_take(instance, 0, ret_fd);
}

int instance_try_lock(const char *instance, int *ret_fd)
{
	return lock_take(instance, LOCK_NB, ret_fd);
}

void instance_unlock(const char *instance, int fd)
{
	char path[128];

	lock_path(instance, path);
	unlink(path);
	close(fd);
}
