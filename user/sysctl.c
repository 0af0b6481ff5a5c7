// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Settings below /proc/sys. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "netdev.h"

static int open_setting(const char *path, const char *dev, int flags)
{
	char file[PATH_MAX];
	const char *hole = strstr(path, "%s");
	int n, fd;

	if (!!hole != !!dev)
		return -EINVAL;
	/* The kernel allows neither as a device name; here they would be other files. */
	if (dev && (!*dev || strchr(dev, '/') || !strcmp(dev, ".") || !strcmp(dev, "..")))
		return -EINVAL;
	if (hole)
		n = snprintf(file, sizeof(file), "/proc/sys/%.*s%s%s", (int)(hole - path), path,
			     dev, hole + 2);
	else
		n = snprintf(file, sizeof(file), "/proc/sys/%s", path);
	if (n >= (int)sizeof(file))
		return -ENAMETOOLONG;
	fd = open(file, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int sysctl_get(const char *path, const char *dev, int *ret)
{
	char text[64];
	char *end;
	ssize_t n;
	long value;
	int fd;

	fd = open_setting(path, dev, O_RDONLY);
	if (fd < 0)
		return fd;
	do {
		n = read(fd, text, sizeof(text) - 1);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	errno = 0;
	value = strtol(text, &end, 10);
	if (end == text || errno || value < INT_MIN || value > INT_MAX)
		return -EINVAL;
	*ret = (int)value;
	return 0;
}

int sysctl_set(const char *path, const char *dev, int value)
{
	char text[16];
	ssize_t n;
	int size, fd;

	/* Not O_CREAT or O_TRUNC: a missing setting is ENOENT. */
	fd = open_setting(path, dev, O_WRONLY);
	if (fd < 0)
		return fd;
	size = snprintf(text, sizeof(text), "%d\n", value);
	do {
		n = write(fd, text, (size_t)size);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		n = -errno;
	close(fd);
	return n < 0 ? (int)n : 0;
}
