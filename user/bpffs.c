// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Is there a place where pins outlive us? */
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "cli.h"
#include "state.h"

#define BPFFS "/sys/fs/bpf"

/*
 * ip netns exec gives the command a mount namespace with a /sys of its own,
 * whose source is the network namespace's name; pins made there vanish with it.
 */
static bool in_netns_exec(char *ret_name, size_t size)
{
	char line[512], source[256], dir[256], path[300];
	FILE *f = fopen("/proc/self/mounts", "re");
	bool found = false;

	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%255s %255s", source, dir) != 2 || strcmp(dir, "/sys"))
			continue;
		snprintf(path, sizeof(path), "/run/netns/%s", source);
		found = !strchr(source, '/') && access(path, F_OK) == 0;
		snprintf(ret_name, size, "%s", source);
	}
	fclose(f);
	return found;
}

int state_bpffs(void)
{
	struct statfs fs;
	char name[256];

	if (in_netns_exec(name, sizeof(name))) {
		cli_error("started under 'ip netns exec', where /sys is the command's own and what is "
			  "pinned there is lost with it; use -n %s instead",
			  name);
		return -EXDEV;
	}
	if (statfs(BPFFS, &fs)) {
		cli_error("%s: %s; mount sysfs on /sys", BPFFS, strerror(errno));
		return -ENOENT;
	}
	if (fs.f_type == BPF_FS_MAGIC)
		return 0;
	if (mount("bpf", BPFFS, "bpf", 0, "mode=0700")) {
		cli_error("%s is not a BPF file system and cannot be mounted: %s; as root: "
			  "mount -t bpf bpf %s",
			  BPFFS, strerror(errno), BPFFS);
		return -EPERM;
	}
	return 0;
}
