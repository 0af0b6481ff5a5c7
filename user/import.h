/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's GRE devices as a configuration of ours. */
#ifndef XGRE_IMPORT_H
#define XGRE_IMPORT_H

#include <stdio.h>
#include "netdev.h"

/* What the kernel has, of which import_write() makes the configuration. */
struct import_facts {
	struct netgre *gres;
	size_t ngres;
	struct netdev *devs;
	size_t ndevs;
	struct netaddr *addrs;
	size_t naddrs;
	struct netroute *routes;
	size_t nroutes;
};

/*
 * YAML that config_parse() takes without an error. What the configuration cannot
 * say is a comment at its head and a line on messages. No kernel. -ENODEV: there
 * is no device that can be taken over; the remarks say why, and out gets nothing.
 */
int import_write(const struct import_facts *facts, FILE *out, FILE *messages);

/* The same of this network namespace. Errors are printed. */
int import_print(FILE *out, FILE *messages);

#endif
