/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Entering a network namespace. */
#ifndef XGRE_NETNS_H
#define XGRE_NETNS_H

/*
 * Enter the network namespace of this name, as in ip netns, or path, which has
 * a '/' in it. The process keeps its other namespaces: the pins below
 * /sys/fs/bpf stay in sight. 0; on failure -errno, and the error is printed.
 */
int netns_enter(const char *name_or_path);

#endif
