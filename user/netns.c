// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cli.h"
#include "netns.h"

#define NETNS_DIR "/run/netns"

static void explain(const char *name, bool is_path, int err)
{
	switch (err) {
	case -ENOENT:
		if (is_path)
			cli_error("network namespace %s: no such file", name);
		else
			cli_error(
				"no network namespace '%s'; 'ip netns list' shows those there are",
				name);
		break;
	case -EINVAL: /* a namespace of another type, or no namespace's file */
		cli_error("'%s' is not a network namespace", name);
		break;
	case -EPERM:
	case -EACCES:
		cli_error("network namespace '%s' cannot be entered: %s; run as root "
			  "(CAP_SYS_ADMIN)",
			  name, strerror(-err));
		break;
	default:
		cli_error("network namespace '%s' cannot be entered: %s", name, strerror(-err));
	}
}

int netns_enter(const char *name_or_path)
{
	bool is_path = strchr(name_or_path, '/');
	char path[PATH_MAX];
	int fd, err = 0;

	if (!is_path &&
	    (!*name_or_path || !strcmp(name_or_path, ".") || !strcmp(name_or_path, ".."))) {
		cli_error("'%s' is not the name of a network namespace", name_or_path);
		return -EINVAL;
	}
	if (snprintf(path, sizeof(path), "%s%s", is_path ? "" : NETNS_DIR "/", name_or_path) >=
	    (int)sizeof(path)) {
		cli_error("the name of the network namespace is too long");
		return -ENAMETOOLONG;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		err = -errno;
	if (fd >= 0)
		close(fd);
	if (err)
		explain(name_or_path, is_path, err);
	return err;
}
