/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All maps, the same in every object: user space creates them once, pins them
 * and hands them to each object that it loads. The sizes here are the smallest;
 * user space sets those that grow (see user/state.c).
 */
#ifndef XGRE_MAPS_H
#define XGRE_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "xgre/abi.h"

#define XGRE_NEXTHOPS 4096 /* a power of two */

#define XGRE_MAP(map, kind, n, key_t, value_t, flags)                                              \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_##kind);                                                 \
		__uint(max_entries, n);                                                            \
		__type(key, key_t);                                                                \
		__type(value, value_t);                                                            \
		__uint(map_flags, flags);                                                          \
	} map SEC(".maps")

/* written by user space, read here */
XGRE_MAP(meta, ARRAY, 1, __u32, struct xgre_meta, BPF_F_MMAPABLE);
XGRE_MAP(lpm4_root, ARRAY, 1, __u32, struct xgre_lpm_root, BPF_F_MMAPABLE);
XGRE_MAP(lpm6_root, ARRAY, 1, __u32, struct xgre_lpm_root, BPF_F_MMAPABLE);
XGRE_MAP(lpm_chunks, ARRAY, 1, __u32, struct xgre_lpm_chunk, BPF_F_MMAPABLE);
XGRE_MAP(routes, ARRAY, 1, __u32, struct xgre_route, BPF_F_MMAPABLE);
XGRE_MAP(tunnels, ARRAY, 1, __u32, struct xgre_tunnel_slot, BPF_F_MMAPABLE);
XGRE_MAP(endpoints, ARRAY, 64, __u32, struct xgre_endpoint, BPF_F_MMAPABLE);
XGRE_MAP(ports, ARRAY, XGRE_PORTS_MAX, __u32, struct xgre_port, BPF_F_MMAPABLE);
XGRE_MAP(port_slots, ARRAY, XGRE_PORT_SLOTS, __u32, struct xgre_port_slot, BPF_F_MMAPABLE);
XGRE_MAP(devmap, DEVMAP, XGRE_PORTS_MAX, __u32, struct bpf_devmap_val, 0); /* by port number */
XGRE_MAP(devices, HASH, 1, __u32, __u32, BPF_F_NO_PREALLOC); /* tunnel device or hidden peer -> tunnel */
XGRE_MAP(sources, LPM_TRIE, 1, struct xgre_source_key, __u32, BPF_F_NO_PREALLOC);

/* written here, read by user space */
XGRE_MAP(route_cpu, PERCPU_ARRAY, 1, __u32, struct xgre_route_cpu, 0);
XGRE_MAP(tunnel_cpu, PERCPU_ARRAY, 1, __u32, struct xgre_tunnel_cpu, 0);
XGRE_MAP(cpu_state, PERCPU_ARRAY, 1, __u32, struct xgre_cpu, 0);
XGRE_MAP(nexthops, PERCPU_ARRAY, XGRE_NEXTHOPS, __u32, struct xgre_nexthop, 0);

/* fragments of outer packets: see fragment.h */
XGRE_MAP(pairs, HASH, 1, struct xgre_pair, __u32, BPF_F_NO_PREALLOC);
XGRE_MAP(xsks, XSKMAP, XGRE_XSKS, __u32, __u32, 0); /* xgred's, by port and queue */

/* user space's own */
XGRE_MAP(prefixes, HASH, 1, struct xgre_prefix_key, struct xgre_prefix, BPF_F_NO_PREALLOC);
XGRE_MAP(lpm_next, ARRAY, 1, __u32, __u32, BPF_F_MMAPABLE);
/* xgred's */
XGRE_MAP(daemon, ARRAY, 1, __u32, struct xgre_daemon, BPF_F_MMAPABLE);
XGRE_MAP(link, ARRAY, 1, __u32, struct xgre_link, BPF_F_MMAPABLE); /* by tunnel number */

/* Set by user space before loading. */
const volatile __u32 endpoint_mask = 63; /* entries of endpoints less one */
const volatile __u32 cpus = 1;		 /* possible CPUs */
const volatile __u32 tick_ns = 4000000;	 /* length of a jiffy */
const volatile bool can_decap_l3 = true; /* BPF_F_ADJ_ROOM_DECAP_L3_*, kernel 6.3 */
const volatile bool xsk_frags = true;	 /* AF_XDP takes frames of several buffers, kernel 6.6 */

#define XGRE_LOOKUP(map, index)                                                                    \
	({                                                                                         \
		__u32 key__ = (index);                                                             \
		bpf_map_lookup_elem(&(map), &key__);                                               \
	})

/* The current properties of a tunnel; NULL where there is none of this number. */
static __always_inline struct xgre_tunnel *tunnel_get(__u32 number)
{
	struct xgre_tunnel_slot *s = XGRE_LOOKUP(tunnels, number);
	struct xgre_tunnel *t;

	if (!s)
		return NULL;
	t = &s->copy[s->current & 1];
	return t->flags & XGRE_TUNNEL_USED ? t : NULL;
}

/* May packets take the fast path? One that is down leaves it, for the kernel to find another way. */
static __always_inline bool tunnel_fast(const struct xgre_tunnel *t)
{
	return (t->flags & (XGRE_TUNNEL_FAST | XGRE_TUNNEL_DOWN)) == XGRE_TUNNEL_FAST;
}

#endif
