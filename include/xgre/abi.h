/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keys and values of the BPF maps: all that the data plane (bpf/) and user
 * space (user/) share, together with lpm.h and reasons.h.
 *
 * Fields are in host byte order unless they are of a __be type or say
 * otherwise. A change of size or meaning of anything here is a new
 * XGRE_ABI_VERSION: pinned maps outlive programs and tools.
 */
#ifndef XGRE_ABI_H
#define XGRE_ABI_H

#include <linux/bpf.h>
#include <linux/types.h>
#include "daemon.h"
#include "lpm.h"
#include "reasons.h"

#define XGRE_ABI_VERSION 2

#define XGRE_IFNAMSIZ	16
#define XGRE_FAMILY_4	4
#define XGRE_FAMILY_6	6
#define XGRE_TC_PRIO	10	   /* of our filters on clsact, both hooks */
#define XGRE_TC_HANDLE	0x78677265 /* "xgre" */

/* An IPv4 address is in w[0], the other words are zero. */
struct xgre_addr {
	union {
		__u8 b[16];
		__be32 w[4];
		__u64 q[2];
	};
};

/*
 * Endpoints: decap finds the tunnel by exact match of outer source, outer
 * destination and key. An array used as a hash table: the entry is at one of
 * XGRE_PROBES places from xgre_endpoint_hash() on. tunnel is written last and
 * cleared first; a cleared entry is reused after an RCU grace period.
 */
struct xgre_endpoint {
	struct xgre_addr local;	 /* outer destination of what arrives */
	struct xgre_addr remote; /* outer source of what arrives */
	__be32 key;		 /* 0 without a key */
	__u8 family;		 /* XGRE_FAMILY_* of the outer header */
	__u8 has_key;
	__u16 pad;
	__u32 tunnel; /* tunnel number + 1; 0: free */
	__u32 pad2;
};

#define XGRE_PROBES 8

/*
 * A hash whose low bits depend on all of v. Without the fold they would not: bit
 * n of the product's upper half is that of v's lower n + 32 bits, and what tells
 * addresses in network order, keys and VLAN tags apart is above.
 */
static inline __u32 xgre_mix(__u64 v)
{
	v ^= v >> 32;
	v *= 0x9e3779b97f4a7c15ull;
	return (__u32)(v >> 32);
}

static inline __u32 xgre_endpoint_hash(const struct xgre_addr *local,
				       const struct xgre_addr *remote, __be32 key)
{
	__u64 v = remote->q[0] ^ remote->q[1];

	v ^= (local->q[0] << 32 | local->q[0] >> 32) ^ local->q[1];
	return xgre_mix(v ^ ((__u64)key << 16));
}

/*
 * Tunnels, an array by tunnel number; flags == 0: free. Each has two copies of
 * its properties, of which one is current: a change fills the other and then
 * makes it the current one, so that no packet gets a header half old, half new.
 */
#define XGRE_TUNNEL_USED	(1u << 0)
#define XGRE_TUNNEL_KEY_IN	(1u << 1) /* packets that arrive carry key_in */
#define XGRE_TUNNEL_KEY_OUT	(1u << 2)
#define XGRE_TUNNEL_OUTER6	(1u << 3) /* IPv6 underlay */
#define XGRE_TUNNEL_FAST	(1u << 4) /* the fast path may forward */
#define XGRE_TUNNEL_TTL_INHERIT (1u << 5)
#define XGRE_TUNNEL_TOS_INHERIT (1u << 6) /* else DSCP from tos */
#define XGRE_TUNNEL_DF_SET	(1u << 7) /* pmtudisc: true */
#define XGRE_TUNNEL_DF_COPY	(1u << 8) /* pmtudisc: false; neither: ignore-df */
#define XGRE_TUNNEL_SOURCES_ANY (1u << 9)
#define XGRE_TUNNEL_SOURCES_SET (1u << 10) /* the list in sources alone, not the routes */
#define XGRE_TUNNEL_RPF_STRICT	(1u << 11) /* effective rp_filter of the tunnel device: 1 */
#define XGRE_TUNNEL_RPF_LOOSE	(1u << 12) /* 2 */
#define XGRE_TUNNEL_CHECKSUM	(1u << 16) /* packets that are sent carry a checksum */
#define XGRE_TUNNEL_SEQUENCE	(1u << 17) /* sequence numbers both ways */
/* More than a key follows the first four bytes of GRE; superframes are no use then. */
#define XGRE_TUNNEL_LONG_GRE (XGRE_TUNNEL_CHECKSUM | XGRE_TUNNEL_SEQUENCE)
#define XGRE_TUNNEL_DOWN	(1u << 24) /* keepalives are not answered: the kernel decides */
#define XGRE_TUNNEL_KERNEL	(1u << 25) /* the device is one of the kernel's GRE: it is the slow path */

#define XGRE_OUTER_MAX 48 /* IPv6 40 + GRE 4, and a whole word */

struct xgre_tunnel {
	__u32 flags;	    /* XGRE_TUNNEL_* */
	__u32 ifindex;	    /* tunnel device */
	__u32 peer_ifindex; /* its hidden peer; 0 with KERNEL */
	__u32 port_ifindex; /* the port that holds local */
	__u32 mtu;	    /* of the tunnel device: largest inner packet, bytes */
	__be32 key_in;
	__be32 key_out;
	__u8 outer_len; /* bytes of outer used: IP header and GRE header */
	__u8 ip_len;	/* of which IP: 20 or 40 */
	__u8 ttl;	/* 0 with TTL_INHERIT */
	__u8 tos;	/* DSCP << 2 where TOS_INHERIT is not set */
	/*
	 * The outer header as it is sent, apart from length, TOS, TTL where
	 * inherited, IPv4 DF where copied, ID, checksum, and the GRE protocol
	 * field: those are zero; and apart from what follows the first four
	 * bytes of GRE. outer_sum is the IPv4 header's 16-bit
	 * one's-complement sum so far (not inverted), to which the missing
	 * fields are added.
	 */
	__u8 outer[XGRE_OUTER_MAX];
	__u32 outer_sum;
	__u8 mac[6];	  /* of the tunnel device */
	__u8 peer_mac[6]; /* of its hidden peer */
	struct xgre_addr local;
	struct xgre_addr remote;
	char name[XGRE_IFNAMSIZ];
};

struct xgre_tunnel_slot {
	__u32 current; /* 0 or 1 */
	__u32 pad;
	struct xgre_tunnel copy[2];
};

/*
 * Sequence numbers, an array by tunnel number. Kept with the tunnel, whatever
 * becomes of its properties. tx is added to by any CPU; the lock is for the rest.
 */
struct xgre_sequence {
	struct bpf_spin_lock lock;
	__u32 tx;	 /* number of the next packet to send */
	__u32 next;	 /* least number that is in order, modulo 2^32 */
	__u32 late_next; /* number that would go on with a run of late ones */
	__u16 late_run;	 /* length of that run */
	__u16 started;	 /* a packet has come */
	__u32 taken_at;	 /* when the last one in order came, in jiffies modulo 2^32 */
};

/* Routes, an array by route number (the leaf's). tunnel is tunnel number + 1. */
#define XGRE_ROUTE_SLOW (1u << 0) /* counted here, never forwarded by the fast path */

struct xgre_route {
	__u32 tunnel; /* 0: free */
	__u32 flags;
};

struct xgre_counter {
	__u64 packets;
	__u64 bytes; /* inner L3 bytes */
};

/*
 * A cached answer of the kernel's route and neighbour tables. Per CPU, written
 * and read by the data plane alone. reason is XGRE_R_NONE where the next hop
 * can be used, else why a packet for it is punted. Times are of
 * jiffies, in ns.
 */
struct xgre_nexthop {
	struct xgre_addr dst;
	__u32 iif;
	__u8 family;
	__u8 reason;
	__u16 port; /* number of the outgoing port */
	__u32 oif;
	__u32 mtu; /* of the route, at most the device's */
	__u8 dmac[6];
	__u8 smac[6];
	__u64 read_at;	 /* last look at the kernel's tables */
	__u64 kernel_at; /* last packet sent through the kernel */
};

struct xgre_route_cpu {
	struct xgre_counter rx; /* decapsulated, inner source matched */
	struct xgre_counter tx; /* encapsulated, inner destination matched */
	__u64 read_at;		/* when the kernel's route was last compared */
	__u32 iif;		/* for packets that came in here */
	__u32 reason;		/* XGRE_R_NONE: the kernel's route is the tunnel's device */
	__u64 source_at;	/* when the kernel was last asked whether rp_filter lets sources in */
	__u32 source_reason;	/* XGRE_R_NONE: it does */
	__u32 pad;
};

struct xgre_tunnel_cpu {
	struct xgre_counter rx;
	struct xgre_counter tx;
	__u64 fast_rx; /* of which packets forwarded without the kernel */
	__u64 fast_tx;
	__u32 dev_mtu; /* live MTU of the tunnel device */
	__u32 pad;
	struct xgre_nexthop nexthop; /* towards remote */
};

/* What a CPU keeps for itself. */
struct xgre_cpu {
	__u64 reasons[XGRE_REASON_MAX]; /* packets, by enum xgre_reason */
	__u64 ip_id;			/* last IPv4 ID handed out, where DF is clear */
};

/*
 * Ports. Frames find their port by the device they came in on and their VLAN
 * tags (both 0 where untagged): port_slots is a hash table of XGRE_PROBES
 * places like endpoints. A VLAN port has two slots: (lower device, tags) for
 * XDP, which sees the tags, and (own device, 0) for TC and for looking up the
 * outgoing device.
 */
#define XGRE_PORTS_MAX	64
#define XGRE_PORT_SLOTS 256

#define XGRE_PORT_USED		 (1u << 0)
#define XGRE_PORT_XDP		 (1u << 1) /* XDP runs here: TC leaves the fast path to it */
#define XGRE_PORT_ENCAP		 (1u << 2) /* role both or overlay */
#define XGRE_PORT_DECAP		 (1u << 3) /* role both or underlay */
#define XGRE_PORT_UNCLAIMED_DROP (1u << 4)
#define XGRE_PORT_REASSEMBLY	 (1u << 5) /* no real one: where xgred puts what was reassembled */
#define XGRE_PORT_RPF_STRICT	 (1u << 11) /* effective rp_filter: as for tunnels */
#define XGRE_PORT_RPF_LOOSE	 (1u << 12)
/* How the device was before: user space's own, kept from one apply to the next. */
#define XGRE_PORT_CLSACT_MADE		(1u << 16)
#define XGRE_PORT_REDIRECTS_WERE_ON	(1u << 17)
#define XGRE_PORT_ALL_REDIRECTS_WERE_ON (1u << 18)
#define XGRE_PORT_KEPT			(7u << 16)

struct xgre_port {
	__u32 flags;
	__u32 ifindex; /* of the port */
	__u32 lower;   /* that XDP runs on; ifindex unless a VLAN device */
	__u16 tags;    /* number of VLAN tags, 0 to 2 */
	__u8 mac[6];
	__be16 tag[2][2]; /* TPID, VLAN ID; outermost first */
	char name[XGRE_IFNAMSIZ];
	__u32 pad; /* the kernel's arrays have a value every 8 bytes, and this one is mapped */
};

struct xgre_port_slot {
	__u32 ifindex; /* 0: free */
	__u32 tags;    /* outer VLAN ID << 16 | inner VLAN ID, host order */
	__u32 port;
	__u32 pad;
};

static inline __u32 xgre_port_hash(__u32 ifindex, __u32 tags)
{
	/* the upper 8 bits of a product: half of xgre_mix() is enough for a few small numbers */
	return (tags ^ ifindex << 12 ^ ifindex) * 0x9e3779b1u >> 24;
}

/*
 * Fragments carry no key, but for the first: those of any tunnel between these
 * two addresses go to xgred. The value says nothing.
 */
struct xgre_pair {
	struct xgre_addr local;
	struct xgre_addr remote;
	__u32 family; /* XGRE_FAMILY_* */
	__u32 pad;
};

/*
 * AF_XDP sockets: that of a port's queue is at port number * XGRE_XSK_QUEUES +
 * queue. Queues beyond have none, their fragments are the kernel's.
 */
#define XGRE_XSK_QUEUES 64
#define XGRE_XSKS	(XGRE_PORTS_MAX * XGRE_XSK_QUEUES)
#define XGRE_XSK_FRAME	3840 /* bytes of a frame in one chunk: 4096 less the headroom */

/*
 * Permitted inner sources beyond the routes, a kernel LPM trie: prefixlen is
 * 32 + the prefix's length; the tunnel's number and family come first.
 */
struct xgre_source_key {
	__u32 prefixlen;
	__be32 tunnel; /* tunnel number << 1 | (1 for IPv6) */
	struct xgre_addr addr;
};

/*
 * The truth about prefixes, a hash map that only user space reads: a tool
 * started cold finds the covering prefix of one that is withdrawn.
 */
#define XGRE_ORIGIN_FILE    1 /* from the configuration file */
#define XGRE_ORIGIN_RUNTIME 2 /* from xgre-load route */
#define XGRE_ORIGIN_HOLE    3 /* computed: route is XGRE_ROUTE_HOLE or _LOCAL */

struct xgre_prefix_key {
	__u8 family; /* XGRE_FAMILY_* */
	__u8 length;
	__u16 pad;
	__u32 pad2;
	struct xgre_addr addr; /* host bits zero */
};

struct xgre_prefix {
	__u32 route;
	__u8 origin;
	__u8 via_family; /* 0: no via */
	__u16 pad;
	__u32 metric; /* of the kernel's route; 0: default */
	__u32 table;  /* of the kernel's route; 0: main */
	struct xgre_addr via;
};

/*
 * A Bloom filter of this host's own addresses, one bit each: most sources are
 * known not to be one of them without a look into the table. Where a whole
 * prefix is local all bits are set.
 */
#define XGRE_LOCALS_WORDS 16

static inline __u32 xgre_locals_bit(const struct xgre_addr *a)
{
	return xgre_mix(a->q[0] ^ a->q[1] << 1) & (XGRE_LOCALS_WORDS * 64 - 1);
}

/* One entry: what every tool checks before it touches anything else. */
struct xgre_meta {
	__u32 abi;	     /* XGRE_ABI_VERSION */
	__u32 chunks_used;   /* chunks of the lookup table handed out so far */
	__u32 chunks_free;   /* head of the free list, chunk number + 1; 0: empty */
	__u32 chunks_wait;   /* freed, awaiting a grace period: as above */
	__u64 build;	     /* identifies the BPF objects the programs came from */
	__u64 netns;	     /* inode of the network namespace that the instance is of */
	__u64 netns_cookie;  /* the same; inode numbers are used again, these never */
	__u32 unfinished;    /* a change was begun; it is 0 again when that has ended well */
	__u32 pad;
	__u64 locals[XGRE_LOCALS_WORDS];
};

#define XGRE_STATIC_ASSERT(cond) _Static_assert(cond, #cond)
XGRE_STATIC_ASSERT(sizeof(struct xgre_addr) == 16);
XGRE_STATIC_ASSERT(sizeof(struct xgre_endpoint) == 48);
XGRE_STATIC_ASSERT(sizeof(struct xgre_tunnel) == 144);
XGRE_STATIC_ASSERT(sizeof(struct xgre_tunnel_slot) == 296);
XGRE_STATIC_ASSERT(sizeof(struct xgre_sequence) == 24);
XGRE_STATIC_ASSERT(sizeof(struct xgre_route) == 8);
XGRE_STATIC_ASSERT(sizeof(struct xgre_nexthop) == 64);
XGRE_STATIC_ASSERT(__builtin_offsetof(struct xgre_nexthop, dmac) % 4 == 0);
XGRE_STATIC_ASSERT(__builtin_offsetof(struct xgre_nexthop, smac) ==
		   __builtin_offsetof(struct xgre_nexthop, dmac) + 6);
XGRE_STATIC_ASSERT(sizeof(struct xgre_route_cpu) == 64);
XGRE_STATIC_ASSERT(sizeof(struct xgre_tunnel_cpu) == 120);
XGRE_STATIC_ASSERT(sizeof(struct xgre_port) == 48);
XGRE_STATIC_ASSERT(XGRE_PORT_RPF_STRICT == XGRE_TUNNEL_RPF_STRICT);
XGRE_STATIC_ASSERT(XGRE_PORT_RPF_LOOSE == XGRE_TUNNEL_RPF_LOOSE);
XGRE_STATIC_ASSERT(sizeof(struct xgre_port_slot) == 16);
XGRE_STATIC_ASSERT(XGRE_PORT_SLOTS == 1 << 8);
XGRE_STATIC_ASSERT(sizeof(struct xgre_pair) == 40);
XGRE_STATIC_ASSERT(sizeof(struct xgre_source_key) == 24);
XGRE_STATIC_ASSERT(sizeof(struct xgre_prefix_key) == 24);
XGRE_STATIC_ASSERT(sizeof(struct xgre_meta) == 176);

#endif
