// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a driver is and can do: ethtool's ioctl, and the netdev family of generic netlink. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include "netdev-internal.h"

/*
 * linux/netdev.h came with kernel 6.3, later than the headers this builds with:
 * its numbers, of which these are all that is needed.
 */
#define GENL_NETDEV_NAME    "netdev"
#define GENL_NETDEV_DEV_GET 1			/* NETDEV_CMD_DEV_GET */
enum { DEV_IFINDEX = 1, DEV_XDP_FEATURES = 3 }; /* NETDEV_A_DEV_* */

/* More strings than any kernel has features (the mask is 64 bits wide today). */
#define FEATURES_MAX 1024

static int ethtool_call(const char *dev, void *command)
{
	struct ifreq ifr = {.ifr_data = command};
	int fd, err;

	if (strlen(dev) >= IFNAMSIZ)
		return -ENODEV;
	strcpy(ifr.ifr_name, dev);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : 0;
	close(fd);
	return err;
}

int ethtool_driver(const char *dev, char ret_driver[32])
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	int err;

	err = ethtool_call(dev, &info);
	if (err)
		return err;
	info.driver[sizeof(info.driver) - 1] = '\0';
	memcpy(ret_driver, info.driver, sizeof(info.driver));
	return 0;
}

static int feature_count(const char *dev, uint32_t *ret)
{
	struct {
		struct ethtool_sset_info head;
		uint32_t count;
	} set = {.head = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ull << ETH_SS_FEATURES}};
	int err;

	err = ethtool_call(dev, &set);
	if (err)
		return err;
	/* A set the kernel does not have is taken out of the mask. */
	if (!set.head.sset_mask || !set.count || set.count > FEATURES_MAX)
		return -EOPNOTSUPP;
	*ret = set.count;
	return 0;
}

/* The names of all features, in the order of their bits; to be freed. */
static int feature_names(const char *dev, struct ethtool_gstrings **ret)
{
	struct ethtool_gstrings *s;
	uint32_t count;
	int err = feature_count(dev, &count);

	if (err)
		return err;
	s = calloc(1, sizeof(*s) + (size_t)count * ETH_GSTRING_LEN);
	if (!s)
		return -ENOMEM;
	s->cmd = ETHTOOL_GSTRINGS;
	s->string_set = ETH_SS_FEATURES;
	s->len = count;
	err = ethtool_call(dev, s);
	if (err) {
		free(s);
		return err;
	}
	if (s->len > count)
		s->len = count;
	*ret = s;
	return 0;
}

/* The bit of a feature; -ENOENT where there is none of this name. */
static int feature_find(const struct ethtool_gstrings *s, const char *feature)
{
	for (uint32_t i = 0; i < s->len; i++)
		if (!strncmp((const char *)s->data + i * ETH_GSTRING_LEN, feature, ETH_GSTRING_LEN))
			return i;
	return -ENOENT;
}

int ethtool_feature(const char *dev, const char *feature, bool *ret)
{
	struct ethtool_gfeatures *f;
	struct ethtool_gstrings *names;
	uint32_t blocks;
	int bit, err;

	err = feature_names(dev, &names);
	if (err)
		return err;
	bit = feature_find(names, feature);
	blocks = (names->len + 31) / 32;
	free(names);
	if (bit < 0)
		return bit;
	f = calloc(1, sizeof(*f) + blocks * sizeof(f->features[0]));
	if (!f)
		return -ENOMEM;
	f->cmd = ETHTOOL_GFEATURES;
	f->size = blocks;
	err = ethtool_call(dev, f);
	if (!err)
		*ret = f->features[bit / 32].active >> (bit % 32) & 1;
	free(f);
	return err;
}

int ethtool_features_set(const char *dev, const char *const *features, size_t n, bool on)
{
	struct ethtool_sfeatures *f;
	struct ethtool_gstrings *names;
	uint32_t blocks;
	int err;

	err = feature_names(dev, &names);
	if (err)
		return err;
	blocks = (names->len + 31) / 32;
	f = calloc(1, sizeof(*f) + blocks * sizeof(f->features[0]));
	if (!f) {
		free(names);
		return -ENOMEM;
	}
	f->cmd = ETHTOOL_SFEATURES;
	f->size = blocks;
	for (size_t i = 0; i < n; i++) {
		int bit = feature_find(names, features[i]);

		if (bit < 0)
			continue;
		f->features[bit / 32].valid |= 1u << bit % 32;
		if (on)
			f->features[bit / 32].requested |= 1u << bit % 32;
	}
	err = ethtool_call(dev, f);
	free(names);
	free(f);
	return err;
}

int ethtool_channels(const char *dev, uint32_t *ret_now, uint32_t *ret_max)
{
	struct ethtool_channels c = {.cmd = ETHTOOL_GCHANNELS};
	int err;

	err = ethtool_call(dev, &c);
	if (err)
		return err;
	*ret_now = c.rx_count + c.combined_count;
	*ret_max = c.max_rx + c.max_combined;
	return 0;
}

static struct nlmsghdr *genl_request(struct nl *nl, uint16_t family, uint8_t cmd)
{
	struct nlmsghdr *nlh = nl_request(nl, family, 0);
	struct genlmsghdr *g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));

	g->cmd = cmd;
	g->version = 1;
	return nlh;
}

static int take_family(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[CTRL_ATTR_MAX + 1];

	nl_attrs(nlh, GENL_HDRLEN, tb, CTRL_ATTR_MAX);
	*(uint16_t *)arg = nl_u16(tb[CTRL_ATTR_FAMILY_ID], 0);
	return 0;
}

static int take_features(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *tb[DEV_XDP_FEATURES + 1];

	nl_attrs(nlh, GENL_HDRLEN, tb, DEV_XDP_FEATURES);
	if (!tb[DEV_XDP_FEATURES] || mnl_attr_get_payload_len(tb[DEV_XDP_FEATURES]) < 8)
		return -EOPNOTSUPP;
	*(uint64_t *)arg = mnl_attr_get_u64(tb[DEV_XDP_FEATURES]);
	return 0;
}

int netdev_xdp_features(uint32_t ifindex, uint64_t *ret)
{
	struct nlmsghdr *nlh;
	uint64_t features = 0;
	uint16_t family = 0;
	struct nl *nl;
	int err;

	err = nl_open_bus(NETLINK_GENERIC, &nl);
	if (err)
		return err == -EPROTONOSUPPORT ? -EOPNOTSUPP : err;
	nlh = genl_request(nl, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, GENL_NETDEV_NAME);
	err = nl_talk(nl, nlh, take_family, &family);
	if (err == -ENOENT || (!err && !family))
		err = -EOPNOTSUPP;
	if (err)
		goto out;
	nlh = genl_request(nl, family, GENL_NETDEV_DEV_GET);
	mnl_attr_put_u32(nlh, DEV_IFINDEX, ifindex);
	err = nl_talk(nl, nlh, take_features, &features);
	if (!err)
		*ret = features;
out:
	nl_close(nl);
	return err;
}
