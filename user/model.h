/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tunnels, routes and ports as plain structs: what the configuration file says
 * and what runs, without any kernel in it.
 */
#ifndef XGRE_MODEL_H
#define XGRE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <net/if.h>
#include "xgre/abi.h"

/* An address of either family; bytes beyond an IPv4 address are zero. */
struct addr {
	uint8_t family; /* XGRE_FAMILY_4, XGRE_FAMILY_6; 0: none */
	struct xgre_addr a;
};

struct prefix {
	struct addr addr;
	uint8_t length;
};

/* Place in the configuration file, for messages; line 0: not from a file. */
struct place {
	uint32_t line;
	uint32_t column;
};

enum xdp_mode { XDP_MODE_AUTO, XDP_MODE_NATIVE, XDP_MODE_SKB, XDP_MODE_OFF };
enum dispatcher { DISPATCHER_AUTO, DISPATCHER_ON, DISPATCHER_OFF };
enum port_role { ROLE_BOTH, ROLE_UNDERLAY, ROLE_OVERLAY };
enum fast_path { FAST_AUTO, FAST_ON, FAST_OFF };
enum tunnel_device { DEVICE_OWN, DEVICE_KERNEL };
enum sources_mode { SOURCES_DEFAULT, SOURCES_ANY, SOURCES_LIST };

struct port {
	char name[IFNAMSIZ];
	enum xdp_mode xdp;
	enum dispatcher dispatcher;
	enum port_role role;
	bool unclaimed_drop;
	struct place place;
};

struct key {
	bool set;
	uint32_t value;
};

struct prefix_list {
	struct prefix *items;
	size_t count;
};

#define TTL_INHERIT 0
#define TOS_INHERIT (-1)

struct tunnel {
	char name[IFNAMSIZ];
	enum tunnel_device device;
	struct addr local;
	struct addr remote;
	struct key key_in;
	struct key key_out;
	int ttl;	/* 1-255 or TTL_INHERIT */
	int tos;	/* 0-255 or TOS_INHERIT */
	uint32_t mtu;	/* 0: the port's MTU less the overhead */
	uint32_t keepalive_interval; /* seconds; 0: none are sent */
	uint32_t keepalive_retries;  /* unanswered ones until the tunnel is down */
	bool pmtudisc;	/* default true */
	bool ignore_df; /* excludes pmtudisc: true */
	bool checksum;	/* of packets that are sent */
	bool sequence;	/* numbers, both ways */
	enum fast_path fast;
	enum sources_mode sources_mode;
	struct prefix_list sources;
	struct prefix_list addresses; /* with host bits, as in 10.0.0.1/24 */
	struct place place;
	struct place local_place;
	struct place mtu_place;
};

struct route {
	struct prefix to;
	uint32_t tunnel; /* index into model.tunnels */
	struct addr via; /* family 0: none */
	uint32_t metric; /* 0: the kernel's default */
	uint32_t table;	 /* 0: main */
	uint8_t origin;	 /* XGRE_ORIGIN_FILE or XGRE_ORIGIN_RUNTIME */
	struct place place;
};

struct model {
	struct port *ports;
	size_t nports;
	struct tunnel *tunnels;
	size_t ntunnels;
	struct route *routes;
	size_t nroutes;
};

/* The smallest MTU a tunnel may have: IPv4 (RFC 791), IPv6 (RFC 8200 5). */
#define TUNNEL_MTU_MIN	68
#define TUNNEL_MTU_MIN6 1280
#define TUNNEL_MTU_MAX	65500

#define KEEPALIVE_INTERVAL     10 /* seconds, and retries: Cisco's defaults */
#define KEEPALIVE_RETRIES      3
#define KEEPALIVE_INTERVAL_MAX 3600

/* Zeroed model with nothing in it; model_free() releases what was added and leaves it empty. */
void model_init(struct model *m);
void model_free(struct model *m);

/*
 * Append a zeroed element (tunnels get their defaults) and return it; NULL
 * without memory. A pointer stays valid until the next append to that array.
 */
struct port *model_add_port(struct model *m);
struct tunnel *model_add_tunnel(struct model *m);
struct route *model_add_route(struct model *m);
int prefix_list_add(struct prefix_list *l, const struct prefix *p); /* 0 or -ENOMEM */

/* NULL where there is none. */
struct tunnel *model_find_tunnel(const struct model *m, const char *name);
struct port *model_find_port(const struct model *m, const char *name);

/* Bytes of outer IP and GRE header that tx packets of t get (RFC 2784, RFC 2890). */
uint32_t tunnel_overhead(const struct tunnel *t);

bool addr_equal(const struct addr *a, const struct addr *b);
bool prefix_equal(const struct prefix *a, const struct prefix *b);
/* inner lies within outer (equal counts); families must match. */
bool prefix_covers(const struct prefix *outer, const struct prefix *inner);
bool prefix_list_equal(const struct prefix_list *a, const struct prefix_list *b);
/* Zero the bits beyond the length; true where any was set. */
bool prefix_mask(struct prefix *p);
/* Order: family, address, length. For qsort and bsearch. */
int prefix_compare(const struct prefix *a, const struct prefix *b);

#define ADDR_STRLEN   46
#define PREFIX_STRLEN 50
/* Text of an address or prefix into buf, which is returned. */
const char *addr_text(const struct addr *a, char buf[ADDR_STRLEN]);
const char *prefix_text(const struct prefix *p, char buf[PREFIX_STRLEN]);
/*
 * Parse "10.0.0.1", "2001:db8::1"; with a prefix "10.0.0.0/8" (length required).
 * 0 or -EINVAL. IPv4-mapped IPv6 and zones are not accepted.
 */
int addr_parse(const char *text, struct addr *ret);
int prefix_parse(const char *text, struct prefix *ret);

#endif
