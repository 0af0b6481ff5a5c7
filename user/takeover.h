/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A kernel's GRE device held against a tunnel: pure functions on plain structs, no kernel. */
#ifndef XGRE_TAKEOVER_H
#define XGRE_TAKEOVER_H

#include "netdev.h"

#define FINDINGS_MAX 16

/* Sentences, without the names of tunnel and device. */
struct findings {
	char text[FINDINGS_MAX][160];
	size_t count;
};

/* Why no tunnel can have this device as its slow path, whatever its configuration. */
void netgre_obstacles(const struct netgre *g, struct findings *ret);

/* What the device does and a tunnel has no option for, without harm. */
void netgre_remarks(const struct netgre *g, struct findings *ret);

/* What differs between t, with device: kernel, and the device; its obstacles as well. */
void netgre_differences(const struct tunnel *t, const struct netgre *g, struct findings *ret);

/* The tunnel that the device is; t has its defaults. Nothing for a device with obstacles. */
void netgre_tunnel(const struct netgre *g, struct tunnel *t);

#endif
