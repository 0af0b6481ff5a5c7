/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Netlink conversations shared by the netdev-*, ethtool and firewall files, and by nothing else. */
#ifndef XGRE_NETDEV_INTERNAL_H
#define XGRE_NETDEV_INTERNAL_H

#include <libmnl/libmnl.h>
#include "firewall.h"
#include "netdev.h"

/* Room that one request of a batch may take. */
#define NL_REQUEST_MAX 1024

/* As nl_open() for another bus: NETLINK_GENERIC, NETLINK_NETFILTER, NETLINK_XFRM. */
int nl_open_bus(int bus, struct nl **ret);

/* A new request in the socket's own buffer, valid until the next one. */
struct nlmsghdr *nl_request(struct nl *nl, uint16_t type, uint16_t flags);

/* Called for each message of an answer; an error of it becomes the call's. */
typedef int (*nl_fn)(const struct nlmsghdr *nlh, void *arg);

/* Send one request and wait for its acknowledgement; fn NULL: no data is expected. */
int nl_talk(struct nl *nl, struct nlmsghdr *nlh, nl_fn fn, void *arg);

/* An array that dumps append to. items is the caller's to free. */
struct nl_list {
	void *items;
	size_t count;
	size_t room;
	size_t size; /* of one item */
};

/* Parse one message into a zeroed item: 1 keep it, 0 leave it out, or -errno. */
typedef int (*nl_parse)(const struct nlmsghdr *nlh, void *item, const void *arg);

/*
 * Send a dump request and append what parse keeps. A dump that the kernel
 * interrupted, because what it walks changed, starts again from its beginning;
 * -EAGAIN where it never came through.
 */
int nl_dump(struct nl *nl, struct nlmsghdr *nlh, nl_parse parse, const void *arg,
	    struct nl_list *list);

/* Write request i of a batch behind the empty header nlh. */
typedef void (*nl_fill)(struct nlmsghdr *nlh, size_t i, const void *arg);

#define NL_NOT_SENT 1

/*
 * Send n requests in few system calls. The kernel carries out every request of
 * a call even when one of them fails, hence status: 0 done, -errno failed,
 * NL_NOT_SENT. No further call follows a failure, the first one's error is
 * returned and its index is in *ret_failed.
 */
int nl_batch(struct nl *nl, size_t n, nl_fill fill, const void *arg, int *status,
	     size_t *ret_failed);

/* While kept, nl_error() stays what it is: for undoing things after a failure. */
void nl_error_keep(struct nl *nl, bool keep);

/* Attributes by type, NULL where absent; tb has max + 1 elements. header: size of the family's. */
void nl_attrs(const struct nlmsghdr *nlh, size_t header, const struct nlattr **tb, uint16_t max);
void nl_nested(const struct nlattr *nest, const struct nlattr **tb, uint16_t max);

/* Payload, or the given value where the attribute is absent or too short. */
uint8_t nl_u8(const struct nlattr *a, uint8_t absent);
uint16_t nl_be16(const struct nlattr *a, uint16_t absent);
uint16_t nl_u16(const struct nlattr *a, uint16_t absent);
uint32_t nl_u32(const struct nlattr *a, uint32_t absent);
uint32_t nl_be32(const struct nlattr *a, uint32_t absent);
/* Text, cut at size; "" where absent. */
void nl_text(const struct nlattr *a, char *ret, size_t size);

/* XGRE_FAMILY_* to AF_* and back, 0 for others; bytes of an address. */
uint8_t family_to_af(uint8_t family);
uint8_t family_from_af(uint8_t af);
uint8_t family_bytes(uint8_t family);
/* Address of an AF_* family from size bytes; left as it is where they do not fit. */
void addr_from_bytes(uint8_t af, const void *bytes, size_t size, struct addr *ret);
void nl_addr(const struct nlattr *a, uint8_t af, struct addr *ret);
void nl_put_addr(struct nlmsghdr *nlh, uint16_t type, const struct addr *a);

/* netdev-link.c: RTM_NEWLINK into a struct netdev, as nl_parse. */
int link_parse(const struct nlmsghdr *nlh, void *item, const void *arg);
/* netdev-gre.c: RTM_NEWLINK into a struct netgre; 0 where it is none. */
int netgre_parse(const struct nlmsghdr *nlh, void *item, const void *arg);

/* firewall.c and firewall-legacy.c: append a finding with the remedy for a bypassed rule set. */
int firewall_add(struct firewall *f, char *what, char *remedy); /* takes both; NULL: -ENOMEM */
char *firewall_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
int firewall_scan_legacy(struct firewall *f);

#endif
