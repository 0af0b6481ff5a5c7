/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the fast path would bypass: netfilter rules, NAT and IPsec policies of
 * this network namespace, read over netlink (libmnl) and, for legacy iptables,
 * getsockopt. Reads only.
 */
#ifndef XGRE_FIREWALL_H
#define XGRE_FIREWALL_H

#include "model.h"

struct firewall_finding {
	char *what;   /* "nft table inet filter: chain forward has 3 rules" */
	char *remedy; /* one command or line of configuration */
};

struct firewall {
	struct firewall_finding *items;
	size_t count;
};

/*
 * Everything that concerns forwarded packets: chains on forward, prerouting or
 * postrouting hooks with rules or a drop policy; the same on ingress or egress
 * of a port in ports, of a device below a VLAN port and of a tunnel device (of
 * any device where ports is NULL); NAT chains with rules on any hook; flowtables
 * left out; legacy iptables tables with rules on those chains. Unreadable
 * subsystems that the kernel has count as a finding (the cautious answer); ones
 * it lacks do not. 0 or -ENOMEM.
 */
int firewall_scan(const struct model *ports, struct firewall *ret);

/*
 * xfrm policies that match an outer packet local -> remote, protocol 47, out,
 * or remote -> local, in, and those for forwarded packets. Left out are those that do nothing to it: without a
 * transformation, of an xfrm interface, or for marked packets. Appends to *ret.
 * 0 or -errno; no xfrm in the kernel: 0.
 */
int firewall_scan_xfrm(const struct addr *local, const struct addr *remote, const char *tunnel,
		       struct firewall *ret);

void firewall_free(struct firewall *f);

#endif
