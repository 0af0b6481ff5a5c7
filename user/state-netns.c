// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which network namespace an instance is of, and whether that still exists. */
#include <errno.h>
#include <glob.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "state-internal.h"

uint64_t netns_id(void)
{
	struct stat sb;

	return stat("/proc/self/ns/net", &sb) ? 0 : sb.st_ino;
}

uint64_t netns_cookie(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(uint64_t);
	uint64_t cookie = 0;

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len))
		cookie = 0;
	if (fd >= 0)
		close(fd);
	return cookie;
}

/* Does anybody, by name or as a process, still have this network namespace? */
static bool netns_alive(uint64_t id)
{
	glob_t found = {};
	bool alive = false;
	struct stat sb;

	glob("/run/netns/*", 0, NULL, &found);
	glob("/proc/[0-9]*/ns/net", GLOB_APPEND, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc && !alive; i++)
		alive = !stat(found.gl_pathv[i], &sb) && sb.st_ino == id;
	globfree(&found);
	return alive;
}

int netns_check(const struct xgre_meta *meta)
{
	uint64_t id = netns_id();

	if (meta->netns_cookie == netns_cookie())
		return 0;
	return meta->netns != id && netns_alive(meta->netns) ? -EXDEV : -ESTALE;
}
