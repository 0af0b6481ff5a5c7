// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Network devices over rtnetlink. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <net/if.h> /* before linux/if.h, which then leaves out what is here */
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include "netdev-internal.h"

/* IFALIASZ of the kernel, its terminating zero included. */
#define ALIAS_MAX 256

static void parse_vlan(const struct nlattr *data, struct netdev *d)
{
	const struct nlattr *tb[IFLA_VLAN_MAX + 1];

	nl_nested(data, tb, IFLA_VLAN_MAX);
	d->vlan_id = nl_u16(tb[IFLA_VLAN_ID], 0);
	d->vlan_tpid = nl_be16(tb[IFLA_VLAN_PROTOCOL], 0x8100);
}

static void parse_xdp(const struct nlattr *xdp, struct netdev *d)
{
	static const uint16_t ids[] = {IFLA_XDP_PROG_ID, IFLA_XDP_DRV_PROG_ID, IFLA_XDP_HW_PROG_ID,
				       IFLA_XDP_SKB_PROG_ID};
	const struct nlattr *tb[IFLA_XDP_MAX + 1];

	nl_nested(xdp, tb, IFLA_XDP_MAX);
	d->xdp_mode = nl_u8(tb[IFLA_XDP_ATTACHED], XDP_ATTACHED_NONE);
	/* Programs in several modes: no IFLA_XDP_PROG_ID, and the first that runs counts. */
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]) && !d->xdp_prog; i++)
		d->xdp_prog = nl_u32(tb[ids[i]], 0);
}

int link_parse(const struct nlmsghdr *nlh, void *item, const void *arg)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[IFLA_MAX + 1];
	const struct nlattr *info[IFLA_INFO_MAX + 1];
	struct netdev *d = item;

	(void)arg;
	if (nlh->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi))
		return 0;
	nl_attrs(nlh, sizeof(*ifi), tb, IFLA_MAX);
	nl_nested(tb[IFLA_LINKINFO], info, IFLA_INFO_MAX);
	d->ifindex = (uint32_t)ifi->ifi_index;
	d->type = ifi->ifi_type;
	d->flags = ifi->ifi_flags;
	d->carrier = ifi->ifi_flags & IFF_LOWER_UP;
	nl_text(tb[IFLA_IFNAME], d->name, sizeof(d->name));
	nl_text(tb[IFLA_IFALIAS], d->alias, sizeof(d->alias));
	nl_text(info[IFLA_INFO_KIND], d->kind, sizeof(d->kind));
	d->mtu = nl_u32(tb[IFLA_MTU], 0);
	d->group = nl_u32(tb[IFLA_GROUP], 0);
	d->link = nl_u32(tb[IFLA_LINK], 0);
	d->link_elsewhere = tb[IFLA_LINK_NETNSID];
	/* Some drivers name the device itself where there is nothing below. */
	if (d->link == d->ifindex && !d->link_elsewhere)
		d->link = 0;
	if (tb[IFLA_ADDRESS]) {
		uint16_t len = mnl_attr_get_payload_len(tb[IFLA_ADDRESS]);

		d->mac_len = (uint8_t)len;
		memcpy(d->mac, mnl_attr_get_payload(tb[IFLA_ADDRESS]),
		       len < sizeof(d->mac) ? len : sizeof(d->mac));
	}
	if (!strcmp(d->kind, "vlan"))
		parse_vlan(info[IFLA_INFO_DATA], d);
	parse_xdp(tb[IFLA_XDP], d);
	return 1;
}

static int take_link(const struct nlmsghdr *nlh, void *arg)
{
	struct netdev d = {0};

	if (link_parse(nlh, &d, NULL) > 0)
		*(struct netdev *)arg = d;
	return 0;
}

static struct nlmsghdr *link_request(struct nl *nl, uint16_t type, uint16_t flags, uint32_t ifindex,
				     struct ifinfomsg **ret)
{
	struct nlmsghdr *nlh = nl_request(nl, type, flags);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = (int)ifindex;
	if (ret)
		*ret = ifi;
	return nlh;
}

static int link_get(struct nl *nl, const char *name, uint32_t ifindex, struct netdev *ret)
{
	struct nlmsghdr *nlh = link_request(nl, RTM_GETLINK, 0, ifindex, NULL);
	struct netdev d = {0};
	int err;

	if (name)
		mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	err = nl_talk(nl, nlh, take_link, &d);
	if (err)
		return err;
	if (!d.ifindex)
		return -ENODEV;
	*ret = d;
	return 0;
}

int netdev_get(struct nl *nl, const char *name, struct netdev *ret)
{
	/* The kernel calls a name that is too long out of range. */
	if (!*name || strlen(name) >= IFNAMSIZ)
		return -ENODEV;
	return link_get(nl, name, 0, ret);
}

int netdev_get_index(struct nl *nl, uint32_t ifindex, struct netdev *ret)
{
	/* The kernel says EINVAL to what cannot be an index. */
	if (!ifindex || ifindex > INT32_MAX)
		return -ENODEV;
	return link_get(nl, NULL, ifindex, ret);
}

int netdev_list(struct nl *nl, struct netdev **ret, size_t *ret_count)
{
	struct nl_list l = {.size = sizeof(struct netdev)};
	struct nlmsghdr *nlh = link_request(nl, RTM_GETLINK, 0, 0, NULL);
	int err;

	/* Statistics are most of a message and cost a walk over all CPUs for each device. */
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	err = nl_dump(nl, nlh, link_parse, NULL, &l);
	if (err) {
		free(l.items);
		return err;
	}
	*ret = l.items;
	*ret_count = l.count;
	return 0;
}

static void put_veth_end(struct nlmsghdr *nlh, const char *name, const uint8_t *mac, uint32_t mtu,
			 uint32_t group)
{
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_put_u32(nlh, IFLA_GROUP, group);
	if (mac)
		mnl_attr_put(nlh, IFLA_ADDRESS, 6, mac);
	if (mtu)
		mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
}

static int set_alias(struct nl *nl, const char *name, const char *alias)
{
	struct nlmsghdr *nlh = link_request(nl, RTM_SETLINK, 0, 0, NULL);

	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_put_str(nlh, IFLA_IFALIAS, alias);
	return nl_talk(nl, nlh, NULL, NULL);
}

static void del_by_name(struct nl *nl, const char *name)
{
	struct nlmsghdr *nlh = link_request(nl, RTM_DELLINK, 0, 0, NULL);

	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	nl_error_keep(nl, true);
	nl_talk(nl, nlh, NULL, NULL);
	nl_error_keep(nl, false);
}

int netdev_add_veth(struct nl *nl, const struct veth_spec *spec)
{
	struct nlattr *info, *data, *peer;
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh;
	int err;

	if (!*spec->name || strlen(spec->name) >= IFNAMSIZ || !*spec->peer ||
	    strlen(spec->peer) >= IFNAMSIZ || (spec->alias && strlen(spec->alias) >= ALIAS_MAX))
		return -EINVAL;
	nlh = link_request(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, &ifi);
	ifi->ifi_flags = IFF_NOARP;
	ifi->ifi_change = IFF_NOARP;
	put_veth_end(nlh, spec->name, spec->mac, spec->mtu, spec->group);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_flags = IFF_NOARP;
	ifi->ifi_change = IFF_NOARP;
	put_veth_end(nlh, spec->peer, spec->peer_mac, spec->peer_mtu, spec->group);
	mnl_attr_nest_end(nlh, peer);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	err = nl_talk(nl, nlh, NULL, NULL);
	if (err || !spec->alias)
		return err;
	/* The kernel ignores an alias given on creation (up to 6.18 at least). */
	err = set_alias(nl, spec->name, spec->alias);
	if (!err)
		err = set_alias(nl, spec->peer, spec->alias);
	if (err)
		del_by_name(nl, spec->name);
	return err;
}

int netdev_del(struct nl *nl, uint32_t ifindex)
{
	/* Index 0 would leave the choice to other attributes. */
	if (!ifindex)
		return -ENODEV;
	return nl_talk(nl, link_request(nl, RTM_DELLINK, 0, ifindex, NULL), NULL, NULL);
}

int netdev_del_group(struct nl *nl, uint32_t group)
{
	struct nlmsghdr *nlh = link_request(nl, RTM_DELLINK, 0, 0, NULL);

	mnl_attr_put_u32(nlh, IFLA_GROUP, group);
	return nl_talk(nl, nlh, NULL, NULL);
}

int netdev_set_mtu(struct nl *nl, uint32_t ifindex, uint32_t mtu)
{
	struct nlmsghdr *nlh = link_request(nl, RTM_SETLINK, 0, ifindex, NULL);

	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	return nl_talk(nl, nlh, NULL, NULL);
}

int netdev_set_up(struct nl *nl, uint32_t ifindex, bool up)
{
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh = link_request(nl, RTM_SETLINK, 0, ifindex, &ifi);

	ifi->ifi_flags = up ? IFF_UP : 0;
	ifi->ifi_change = IFF_UP;
	return nl_talk(nl, nlh, NULL, NULL);
}

int netdev_set_mac(struct nl *nl, uint32_t ifindex, const uint8_t mac[6])
{
	struct nlmsghdr *nlh = link_request(nl, RTM_SETLINK, 0, ifindex, NULL);

	mnl_attr_put(nlh, IFLA_ADDRESS, 6, mac);
	return nl_talk(nl, nlh, NULL, NULL);
}
