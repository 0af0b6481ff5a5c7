/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files preflight*.c share. */
#ifndef XGRE_PREFLIGHT_INTERNAL_H
#define XGRE_PREFLIGHT_INTERNAL_H

#include "netdev.h"
#include "preflight.h"

struct preflight {
	const struct model *m;
	FILE *out;
	size_t findings;
	struct nl *nl;
	struct netdev *devs; /* all there are */
	size_t ndevs;
	struct netaddr *addrs;
	size_t naddrs;
	bool ipv4; /* families of the prefixes that are routed into tunnels */
	bool ipv6;
};

/* A finding, in two calls: what is wrong, then the command or configuration that mends it. */
__attribute__((format(printf, 3, 4))) void finding(struct preflight *f, const char *who,
						   const char *fmt, ...);
__attribute__((format(printf, 2, 3))) void mend(struct preflight *f, const char *fmt, ...);

/* NULL where there is none in this network namespace. */
const struct netdev *preflight_device(const struct preflight *f, const char *name);
const struct netdev *preflight_device_index(const struct preflight *f, uint32_t ifindex);

/* A device as sysctl(8) wants it inside a name: a dot of it is written '/'. */
const char *sysctl_device(const char *dev, char buf[IFNAMSIZ]);

/* rp_filter and forwarding of a port or tunnel device; dev "default" for one yet to be made. */
void preflight_sysctls(struct preflight *f, const char *who, const char *dev);

void preflight_port(struct preflight *f, const struct port *p);
void preflight_tunnel(struct preflight *f, const struct tunnel *t);

#endif
