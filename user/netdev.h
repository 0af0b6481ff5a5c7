/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's devices, addresses, routes and rules over rtnetlink (libmnl),
 * sysctls and ethtool settings: small calls that do one thing each. All act in
 * the process's network namespace. Unless said otherwise they return 0 or
 * -errno, the kernel's own code, and print nothing.
 */
#ifndef XGRE_NETDEV_H
#define XGRE_NETDEV_H

#include "model.h"

struct nl; /* one NETLINK_ROUTE socket */

int nl_open(struct nl **ret);
void nl_close(struct nl *nl); /* NULL is fine */
/* The kernel's extended acknowledgement for the last failure, or "". */
const char *nl_error(const struct nl *nl);

struct netdev {
	uint32_t ifindex;
	char name[IFNAMSIZ];
	char kind[16];	    /* IFLA_INFO_KIND; "" for hardware */
	char alias[64];	    /* ifalias, cut at the end */
	uint32_t link;	    /* IFLA_LINK: lower device or veth peer; 0: none */
	bool link_elsewhere; /* link is in another network namespace */
	uint32_t mtu;
	uint32_t group;
	uint32_t flags;	    /* IFF_* */
	bool carrier;	    /* IFF_LOWER_UP */
	uint8_t mac[6];
	uint8_t mac_len;    /* 6 for Ethernet */
	uint16_t type;	    /* ARPHRD_* */
	uint16_t vlan_id;   /* of a VLAN device */
	uint16_t vlan_tpid; /* 0x8100 or 0x88a8, host byte order; 0: not a VLAN device */
	uint32_t xdp_prog;  /* id of the attached XDP program, 0: none */
	uint8_t xdp_mode;   /* XDP_ATTACHED_* of linux/if_link.h */
};

/* One device by name or by index; -ENODEV where there is none. */
int netdev_get(struct nl *nl, const char *name, struct netdev *ret);
int netdev_get_index(struct nl *nl, uint32_t ifindex, struct netdev *ret);
/* All devices; the array is the caller's to free. */
int netdev_list(struct nl *nl, struct netdev **ret, size_t *ret_count);

struct veth_spec {
	const char *name;
	const char *peer;
	const uint8_t *mac;
	const uint8_t *peer_mac;
	uint32_t mtu;
	uint32_t peer_mtu;
	uint32_t group;
	const char *alias; /* both ends */
};

/*
 * A veth pair, both ends down and NOARP. The alias is set with the same
 * request where the kernel allows, else right after.
 */
int netdev_add_veth(struct nl *nl, const struct veth_spec *spec);
int netdev_del(struct nl *nl, uint32_t ifindex);
int netdev_del_group(struct nl *nl, uint32_t group); /* every device of a link group at once */
int netdev_set_mtu(struct nl *nl, uint32_t ifindex, uint32_t mtu);
int netdev_set_up(struct nl *nl, uint32_t ifindex, bool up);
int netdev_set_mac(struct nl *nl, uint32_t ifindex, const uint8_t mac[6]);

/* What the kernel's own GRE devices are set to: gre, ip6gre, gretap, ip6gretap, erspan, ip6erspan. */
struct netgre {
	struct netdev dev;
	uint32_t link; /* the device that outer packets are bound to; 0: none */
	struct addr local; /* family 0: any */
	struct addr remote;
	struct key key_in;
	struct key key_out;
	bool checksum_in; /* demanded */
	bool checksum_out;
	bool sequence_in;
	bool sequence_out;
	bool external; /* endpoints and keys come with each packet (collect_md) */
	bool pmtudisc; /* of IPv4 */
	bool ignore_df;
	uint8_t ttl;	/* TTL_INHERIT */
	int tos;	/* TOS_INHERIT */
	int encaplimit; /* of IPv6; -1: none is sent */
	uint32_t flowlabel;
	bool flowlabel_inherit;
	uint16_t encap; /* TUNNEL_ENCAP_*: FOU, GUE */
	uint32_t fwmark;
};

/* One by name; -ENODEV where there is none, or it is no such device. */
int netgre_get(struct nl *nl, const char *name, struct netgre *ret);
/* All of them; the array is the caller's to free. */
int netgre_list(struct nl *nl, struct netgre **ret, size_t *ret_count);

/* Packets and bytes that passed a device since it was made. */
int netdev_counters(struct nl *nl, uint32_t ifindex, struct xgre_counter *ret_rx,
		    struct xgre_counter *ret_tx);

/* Protocol number of our routes and addresses, as ip(8) shows it. */
#define XGRE_RTPROT 147

struct netaddr {
	uint32_t ifindex;
	struct prefix prefix; /* the address with its length, host bits kept (IFA_LOCAL) */
	bool noprefixroute;
	bool tentative;	      /* or failed DAD */
	uint8_t scope;
	uint8_t protocol;     /* IFA_PROTO, 0: none */
};

int netaddr_list(struct nl *nl, struct netaddr **ret, size_t *ret_count);
/* With our protocol number, so that we know it again. */
int netaddr_add(struct nl *nl, uint32_t ifindex, const struct prefix *p, bool noprefixroute);
int netaddr_del(struct nl *nl, uint32_t ifindex, const struct prefix *p);

struct netroute {
	struct prefix to; /* length 0 and an address of zeros: default */
	uint8_t type;	  /* RTN_* */
	uint8_t protocol; /* RTPROT_* */
	uint8_t scope;
	uint8_t nexthops; /* more than 1: multipath, oif and via are the first one's */
	uint32_t table;
	uint32_t oif;	  /* 0: none */
	struct addr via;  /* family 0: none */
	uint32_t metric;
	bool offlink;	  /* RTNH_F_LINKDOWN or _DEAD */
	bool onlink;	  /* to be added without a route to via (not filled in when read) */
};

/*
 * Routes of both families, all tables but local where local is false; cloned
 * and cache entries left out. table 0: every table.
 */
int netroute_list(struct nl *nl, uint32_t table, bool local, struct netroute **ret,
		  size_t *ret_count);
/* Add, -EEXIST where an equal one is there; with replace as ip route replace. */
int netroute_add(struct nl *nl, const struct netroute *r, bool replace);
/* -ESRCH where there is none with the same metric, type, table, device, next hop and protocol. */
int netroute_del(struct nl *nl, const struct netroute *r);
/*
 * Add or delete many in few system calls; stops at the first failure: its index
 * in *ret_failed (NULL: not asked for), and nothing behind it stays changed.
 * With replace some of what is behind it may have been replaced.
 */
int netroute_add_many(struct nl *nl, const struct netroute *r, size_t n, bool replace,
		      size_t *ret_failed);
int netroute_del_many(struct nl *nl, const struct netroute *r, size_t n, size_t *ret_failed);

/* Number of policy rules (ip rule) of both families beyond the kernel's own (local, main, default). */
int netrule_count_extra(struct nl *nl, size_t *ret);

/*
 * The device, next hop and preferred source that the kernel would use for a
 * packet from src (family 0: any) to dst, as ip route get; -errno of the
 * lookup, e.g. -ENETUNREACH.
 */
struct netroute_answer {
	uint32_t oif;
	struct addr via;
	struct addr src;
	uint32_t mtu; /* 0: the device's */
};
int netroute_get(struct nl *nl, const struct addr *dst, const struct addr *src,
		 struct netroute_answer *ret);

/* Has the device a qdisc already that takes filters at ingress, clsact or ingress? */
int nettc_has_ingress(struct nl *nl, uint32_t ifindex, bool *ret);
/* Are there no filters at all on the device's clsact qdisc? */
int nettc_empty(struct nl *nl, uint32_t ifindex, bool *ret);

/*
 * /proc/sys: path as "net/ipv4/conf/%s/forwarding" with the device name put in
 * for one %s (NULL: none), so that dots in names do no harm. -ENOENT where the
 * kernel has no such setting.
 */
int sysctl_get(const char *path, const char *dev, int *ret);
int sysctl_set(const char *path, const char *dev, int value);

/*
 * ethtool, by device name. Features by the names that ethtool -k prints
 * ("rx-gro", "tx-checksum-ip-generic"); -ENOENT where the kernel has none such.
 */
int ethtool_driver(const char *dev, char ret_driver[32]);
int ethtool_feature(const char *dev, const char *feature, bool *ret);
/* Those of the named features that there are. */
int ethtool_features_set(const char *dev, const char *const *features, size_t n, bool on);
/* rx queues in use and their maximum (combined counted as rx); -EOPNOTSUPP where unknown. */
int ethtool_channels(const char *dev, uint32_t *ret_now, uint32_t *ret_max);

/*
 * What the driver says it can do with XDP (NETDEV_XDP_ACT_*, netdev generic
 * netlink, kernel 6.3 and later); -EOPNOTSUPP on kernels that cannot say.
 */
int netdev_xdp_features(uint32_t ifindex, uint64_t *ret);

#endif
