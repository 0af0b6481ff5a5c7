// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Checks of a port: the device, its driver, and what XDP needs of both. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <linux/if_link.h>
#include "attach.h"
#include "dispatcher.h"
#include "driver-xdp.h"
#include "preflight-internal.h"

/* How our programs' names begin, by which a running instance is told from others' programs. */
#define OUR_PROGRAMS "xgre_"

/* A port and the device that XDP goes on, with what its driver says. */
struct subject {
	const struct port *p;
	const struct netdev *dev;
	const struct netdev *lower; /* dev, unless that is a VLAN device */
	char driver[32];	    /* of lower; "" where unknown */
	bool features_known;
	uint64_t features;
};

/* XDP cannot run as asked for: what comes of it, and why. */
#define XDP_FINDING(f, s, fmt, ...)                                                                \
	finding(f, (s)->p->name, "%s: " fmt,                                                       \
		(s)->p->xdp == XDP_MODE_AUTO  ? "TC instead of XDP"                                \
		: (s)->p->xdp == XDP_MODE_SKB ? "xdp: skb cannot work"                             \
					      : "xdp: native cannot work",                         \
		__VA_ARGS__)

static bool wants_native(const struct port *p)
{
	return p->xdp == XDP_MODE_AUTO || p->xdp == XDP_MODE_NATIVE;
}

static bool is_veth(const struct netdev *d)
{
	return !strcmp(d->kind, "veth");
}

/* The other end of a veth, if it is in this network namespace. */
static const struct netdev *veth_peer(const struct preflight *f, const struct netdev *d)
{
	return is_veth(d) && !d->link_elsewhere ? preflight_device_index(f, d->link) : NULL;
}

static void check_native(struct preflight *f, const struct subject *s)
{
	const struct netdev *peer = veth_peer(f, s->lower);
	const char *dev = s->lower->name;
	uint32_t most;

	if (s->features_known && !(s->features & XDP_FEATURE_BASIC)) {
		if (is_veth(s->lower)) { /* veth_set_xdp_features() of the kernel */
			XDP_FINDING(f, s,
				    "%s has fewer receive queues than its peer has transmit queues",
				    dev);
			mend(f,
			     peer ? "ethtool -L %s tx 1"
				  : "ethtool -L PEER tx 1  # the other end of %s, in its network "
				    "namespace",
			     peer ? peer->name : dev);
			return;
		}
		XDP_FINDING(f, s, "the driver of %s (%s) has no native XDP", dev,
			    *s->driver ? s->driver : "unknown");
		mend(f, "xdp: off  # under %s in the configuration%s", s->p->name,
		     s->p->xdp == XDP_MODE_NATIVE ? ", or xdp: auto" : ", to accept TC");
		return;
	}
	most = driver_xdp_mtu(s->driver, s->features_known, s->features);
	if (s->lower->mtu > most) {
		XDP_FINDING(f, s, "%s takes it up to an MTU of %u, and %s has %u", s->driver, most,
			    dev, s->lower->mtu);
		mend(f,
		     "ip link set dev %s mtu %u  # or xdp: off in the configuration, to accept TC",
		     dev, most);
	}
}

static void check_channels(struct preflight *f, const struct subject *s)
{
	uint32_t now, max;

	if (!driver_xdp_needs_half(s->driver) || ethtool_channels(s->lower->name, &now, &max) ||
	    max < 2 || now <= max / 2)
		return;
	XDP_FINDING(f, s, "%u of %u channels of %s are in use, and %s needs half of them for XDP",
		    now, max, s->lower->name, s->driver);
	mend(f, "ethtool -L %s combined %u", s->lower->name, max / 2);
}

/* veth hands XDP what the peer sends: packets without their checksum, frames only by NAPI. */
static void check_veth(struct preflight *f, const struct subject *s)
{
	const struct netdev *peer = veth_peer(f, s->lower);
	const char *name = peer ? peer->name : "PEER";
	bool on = false;

	if (!is_veth(s->lower))
		return;
	if (s->features_known && s->features & XDP_FEATURE_BASIC &&
	    !(s->features & XDP_FEATURE_NDO_XMIT)) {
		XDP_FINDING(f, s, "frames sent by XDP are lost, as the other end of %s has no NAPI",
			    s->lower->name);
		mend(f, "ethtool -K %s gro on%s", name,
		     peer ? "" : "  # the other end, in its network namespace");
	}
	if (peer && !ethtool_feature(name, "tx-checksum-ip-generic", &on) && on) {
		finding(f, s->p->name,
			"%s leaves checksums to be filled in later, and XDP would send such "
			"packets "
			"on with wrong ones",
			name);
		mend(f, "ethtool -K %s tx off", name);
	}
}

static bool carries_vlans(const struct preflight *f, const struct netdev *lower)
{
	for (size_t i = 0; i < f->ndevs; i++)
		if (f->devs[i].vlan_tpid && !f->devs[i].link_elsewhere &&
		    f->devs[i].link == lower->ifindex)
			return true;
	return false;
}

/*
 * A tag that the NIC takes off is not in the frame that XDP sees, and a VLAN's
 * frame then passes for an untagged one. Of a veth the other end decides.
 */
static void check_vlans(struct preflight *f, const struct subject *s)
{
	bool on = false;

	if ((is_veth(s->lower) && !carries_vlans(f, s->lower)) ||
	    ethtool_feature(s->lower->name, "rx-vlan-hw-parse", &on) || !on)
		return;
	if (s->dev != s->lower)
		XDP_FINDING(f, s, "%s takes VLAN tags off before XDP sees them", s->lower->name);
	else
		finding(f, s->p->name,
			"takes VLAN tags off before XDP sees them, so that a VLAN's frames pass for "
			"untagged ones");
	mend(f, "ethtool -K %s rxvlan off%s", s->lower->name,
	     is_veth(s->lower) ? "  # and txvlan off on its other end" : "");
}

/* Generic XDP comes after GRO and cannot know the sizes that a superframe is made of. */
static void check_gro(struct preflight *f, const struct subject *s)
{
	bool on = false;

	if (s->p->xdp != XDP_MODE_SKB || ethtool_feature(s->lower->name, "rx-gro", &on) || !on)
		return;
	XDP_FINDING(f, s, "GRO is on for %s", s->lower->name);
	mend(f, "ethtool -K %s gro off", s->lower->name);
}

static int program_name(uint32_t id, char ret[BPF_OBJ_NAME_LEN])
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);
	int fd, err = 0;

	fd = bpf_prog_get_fd_by_id(id);
	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		err = -errno;
	close(fd);
	memcpy(ret, info.name, BPF_OBJ_NAME_LEN);
	ret[BPF_OBJ_NAME_LEN - 1] = '\0';
	return err;
}

/* The BPF link that holds a program on a device; 0 where it was attached without one. */
static uint32_t link_of(uint32_t ifindex, uint32_t prog)
{
	struct bpf_link_info info;
	uint32_t id = 0, size;
	int fd;

	while (!bpf_link_get_next_id(id, &id)) {
		fd = bpf_link_get_fd_by_id(id);
		if (fd < 0)
			continue;
		memset(&info, 0, sizeof(info));
		size = sizeof(info);
		if (bpf_obj_get_info_by_fd(fd, &info, &size))
			info.prog_id = 0;
		close(fd);
		if (info.type == BPF_LINK_TYPE_XDP && info.prog_id == prog &&
		    info.xdp.ifindex == ifindex)
			return id;
	}
	return 0;
}

static void check_other_program(struct preflight *f, const struct subject *s)
{
	const char *dev = s->lower->name;
	uint32_t id = s->lower->xdp_prog, link;
	char name[BPF_OBJ_NAME_LEN];

	if (!id)
		return;
	if (program_name(id, name))
		strcpy(name, "?");
	if (!strncmp(name, OUR_PROGRAMS, strlen(OUR_PROGRAMS)))
		return;
	/* apply joins it */
	if (s->p->dispatcher != DISPATCHER_OFF && dispatcher_present(s->lower->ifindex))
		return;
	XDP_FINDING(f, s, "another program (%s, id %u) is attached to %s", name, id, dev);
	link = link_of(s->lower->ifindex, id);
	if (!strcmp(name, "xdp_dispatcher"))
		mend(f, "xdp-loader unload %s --all", dev);
	else if (link)
		mend(f, "bpftool link detach id %u", link);
	else
		mend(f, "ip link set dev %s %s off", dev,
		     s->lower->xdp_mode == XDP_ATTACHED_SKB ? "xdpgeneric" : "xdp");
}

/*
 * apply turns ICMP redirects off; on again, they would send hosts around the
 * tunnel whenever its route is missing. Either of the two switches them on.
 */
static void check_redirects(struct preflight *f, const struct netdev *dev)
{
	int all = 0, own = 0;
	char buf[IFNAMSIZ];
	uint32_t id;

	if (tc_query(dev->ifindex, &id))
		return;
	sysctl_get("net/ipv4/conf/%s/send_redirects", "all", &all);
	sysctl_get("net/ipv4/conf/%s/send_redirects", dev->name, &own);
	if (!all && !own)
		return;
	finding(f, dev->name,
		"send_redirects is on again: ICMP redirects would send hosts around the "
		"tunnel");
	mend(f, "sysctl -w net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.%s.send_redirects=0",
	     sysctl_device(dev->name, buf));
}

static void check_xdp(struct preflight *f, const struct port *p, const struct netdev *dev)
{
	struct subject s = {.p = p, .dev = dev, .lower = dev};

	if (p->xdp == XDP_MODE_OFF)
		return;
	while (s.lower->vlan_tpid) {
		s.lower = s.lower->link_elsewhere ? NULL : preflight_device_index(f, s.lower->link);
		if (!s.lower) {
			s.lower = dev;
			XDP_FINDING(f, &s, "the device below %s is in another network namespace",
				    dev->name);
			mend(f, "xdp: off  # under %s in the configuration", p->name);
			return;
		}
	}
	if (ethtool_driver(s.lower->name, s.driver))
		s.driver[0] = '\0';
	s.features_known = !netdev_xdp_features(s.lower->ifindex, &s.features);
	if (wants_native(p)) {
		check_native(f, &s);
		check_channels(f, &s);
		check_veth(f, &s);
	}
	check_gro(f, &s);
	check_vlans(f, &s);
	check_other_program(f, &s);
}

void preflight_port(struct preflight *f, const struct port *p)
{
	const struct netdev *dev = preflight_device(f, p->name);

	if (!dev) {
		finding(f, p->name, "no such device");
		mend(f, "ip link show  # then correct the name under ports in the configuration");
		return;
	}
	if (dev->type != ARPHRD_ETHER || dev->mac_len != 6) {
		finding(f, p->name, "not an Ethernet device, and so cannot be a port");
		mend(f, "ip -d link show dev %s  # then take it out of ports in the configuration",
		     p->name);
		return;
	}
	if (!(dev->flags & IFF_UP)) {
		finding(f, p->name, "the device is down");
		mend(f, "ip link set dev %s up", p->name);
	}
	check_xdp(f, p, dev);
	preflight_sysctls(f, p->name, p->name);
	check_redirects(f, dev);
}
