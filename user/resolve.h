/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From the model to what the maps hold: pure functions, no kernel. */
#ifndef XGRE_RESOLVE_H
#define XGRE_RESOLVE_H

#include "model.h"
#include "xgre/abi.h"

/*
 * The map's entry for a tunnel: flags, template of the outer header, keys. What
 * only the kernel knows (device indices and MACs, FAST, RPF flags) is left zero.
 * mtu is the effective one.
 */
void tunnel_fill(const struct tunnel *t, uint32_t mtu, struct xgre_tunnel *ret);

/* The way back, as far as the entry goes: name, endpoints, keys and what shapes the header. */
void tunnel_recall(const struct xgre_tunnel *e, struct tunnel *ret);

/* What packets that arrive for the tunnel carry; number is the tunnel's. */
void endpoint_fill(const struct tunnel *t, uint32_t number, struct xgre_endpoint *ret);

/* Flags from role and unclaimed, and the name; the rest is left zero. */
void port_fill(const struct port *p, struct xgre_port *ret);

/*
 * The permitted inner sources beyond the routes: the list, or by default the
 * subnets of the tunnel's addresses; with each the IPv6 link-local prefix, which
 * routing protocols use. Nothing for sources: any. The array is the caller's.
 */
int sources_fill(const struct tunnel *t, uint32_t number, struct xgre_source_key **ret,
		 size_t *ret_count);

/* Put a local address or prefix into the filter of meta.locals. */
void locals_add(uint64_t words[XGRE_LOCALS_WORDS], const struct prefix *p);

/* A locally administered MAC and a link group, stable for these inputs. */
void device_mac(const char *instance, const char *host_id, const struct tunnel *t, bool peer,
		uint8_t ret[6]);
uint32_t device_group(const char *instance);
/* Name of the hidden peer: "xg" and 12 hexadecimal digits. */
void device_peer_name(const char *instance, const char *tunnel, char ret[IFNAMSIZ]);
/* ifalias of both: "xgre INSTANCE NAME" */
void device_alias(const char *instance, const char *tunnel, char ret[64]);

#endif
