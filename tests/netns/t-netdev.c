// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Devices, addresses, sysctls and ethtool settings of user/netdev.h against the kernel.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/rtnetlink.h>
#include "netns.h"

#define GROUP	  4711
#define MANY_DEVS 500

static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t mac_b[6] = {2, 0, 0, 0, 0, 2};

static uint32_t add_pair(struct nl *nl, const char *name, const char *peer)
{
	struct veth_spec spec = {.name = name, .peer = peer, .group = GROUP};
	struct netdev d = {0};

	if (netdev_add_veth(nl, &spec) || netdev_get(nl, name, &d))
		diag("no veth %s", name);
	return d.ifindex;
}

static void test_veth(struct nl *nl)
{
	struct veth_spec spec = {
		.name = "gre1",
		.peer = "gre1.peer",
		.mac = mac_a,
		.peer_mac = mac_b,
		.mtu = 1460,
		.peer_mtu = 9000,
		.group = GROUP,
		.alias = "xgre default",
	};
	static char long_alias[300];
	struct netdev a = {0}, b = {0};

	is_int(netdev_get(nl, "gre1", &a), -ENODEV, "no device yet");
	is_int(netdev_get(nl, "a-name-that-is-too-long", &a), -ENODEV, "a name too long");
	is_int(netdev_get_index(nl, 99999, &a), -ENODEV, "no such index");
	is_int(netdev_add_veth(nl, &spec), 0, "add a veth pair");
	is_int(netdev_get(nl, "gre1", &a), 0, "get by name");
	is_int(netdev_get_index(nl, a.link, &b), 0, "get by the peer's index");
	is_str(b.name, "gre1.peer", "its name");
	is_str(a.kind, "veth", "kind");
	is_str(a.alias, "xgre default", "alias");
	is_str(b.alias, "xgre default", "the peer's alias");
	ok(a.mtu == 1460 && b.mtu == 9000, "both MTUs");
	ok(a.group == GROUP && b.group == GROUP, "both in the group");
	ok(a.flags & IFF_NOARP && b.flags & IFF_NOARP, "both NOARP");
	ok(!(a.flags & IFF_UP) && !(b.flags & IFF_UP), "both down");
	ok(!memcmp(a.mac, mac_a, 6) && !memcmp(b.mac, mac_b, 6) && a.mac_len == 6, "both MACs");
	ok(b.link == a.ifindex && !a.link_elsewhere, "each is the other's link");
	ok(a.vlan_tpid == 0 && a.xdp_prog == 0 && a.type == 1, "neither VLAN nor XDP, Ethernet");
	is_int(netdev_add_veth(nl, &spec), -EEXIST, "the same pair again");
	diag("extended acknowledgement: \"%s\"", nl_error(nl));
	memset(long_alias, 'x', sizeof(long_alias) - 1);
	spec.name = "v1";
	spec.peer = "v2";
	spec.alias = long_alias;
	is_int(netdev_add_veth(nl, &spec), -EINVAL, "an alias too long");
	is_int(netdev_get(nl, "v1", &a), -ENODEV, "leaves nothing behind");
}

static void test_set(struct nl *nl)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 3};
	struct netdev a = {0};
	struct netdev b = {0};

	netdev_get(nl, "gre1", &a);
	is_int(netdev_set_mtu(nl, a.ifindex, 1400), 0, "set the MTU");
	is_int(netdev_set_mtu(nl, a.ifindex, 1000000), -EINVAL, "an MTU too large");
	ok(*nl_error(nl), "says why: %s", nl_error(nl));
	is_int(netdev_set_mac(nl, a.ifindex, mac), 0, "set the MAC");
	is_int(netdev_set_up(nl, a.ifindex, true), 0, "set up");
	is_int(netdev_set_up(nl, a.link, true), 0, "set the peer up");
	is_int(netdev_set_up(nl, 99999, true), -ENODEV, "a device that is not there");
	is_int(netdev_get_index(nl, a.ifindex, &b), 0, "get it");
	ok(b.mtu == 1400 && b.flags & IFF_UP && b.carrier && !memcmp(b.mac, mac, 6),
	   "all has been set");
	is_int(netdev_set_up(nl, a.ifindex, false), 0, "set down");
	netdev_get_index(nl, a.ifindex, &b);
	ok(!(b.flags & IFF_UP) && b.flags & IFF_NOARP, "down, and still NOARP");
	netdev_set_up(nl, a.ifindex, true);
}

static bool find_addr(struct nl *nl, const char *text, struct netaddr *ret)
{
	struct prefix p = prefix(text);
	struct netaddr *list;
	bool found = false;
	size_t n;

	if (netaddr_list(nl, &list, &n))
		return false;
	for (size_t i = 0; i < n; i++)
		if (prefix_equal(&list[i].prefix, &p)) {
			*ret = list[i];
			found = true;
		}
	free(list);
	return found;
}

static void test_addr(struct nl *nl)
{
	static const struct {
		const char *text, *other;
		bool noprefixroute;
	} cases[] = {
		{"10.1.0.1/24", "10.1.0.1/16", false},
		{"10.2.0.1/24", "10.2.0.1/16", true},
		{"2001:db8:1::1/64", "2001:db8:1::1/48", false},
		{"2001:db8:2::1/64", "2001:db8:2::1/48", true},
	};
	struct netaddr a = {0};
	struct netdev d = {0};

	netdev_get(nl, "gre1", &d);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *t = cases[i].text;
		struct prefix p = prefix(t), other = prefix(cases[i].other);

		is_int(netaddr_add(nl, d.ifindex, &p, cases[i].noprefixroute), 0, "add %s", t);
		is_int(netaddr_add(nl, d.ifindex, &p, false), -EEXIST, "add it again");
		ok(find_addr(nl, t, &a), "it is listed");
		/* Without ARP there is no duplicate address detection, but a work item finds that.
		 */
		for (int k = 0; k < 500 && a.tentative; k++) {
			usleep(10000);
			find_addr(nl, t, &a);
		}
		ok(a.ifindex == d.ifindex && a.noprefixroute == cases[i].noprefixroute &&
			   !a.tentative && a.scope == RT_SCOPE_UNIVERSE,
		   "with device, flags and scope");
		is_int(netaddr_del(nl, d.ifindex, &other), -EADDRNOTAVAIL, "no deletion of %s",
		       cases[i].other);
		is_int(netaddr_del(nl, d.ifindex, &p), 0, "delete it");
		is_int(netaddr_del(nl, d.ifindex, &p), -EADDRNOTAVAIL, "delete it again");
		ok(!find_addr(nl, t, &a), "it is gone");
		netaddr_add(nl, d.ifindex, &p, cases[i].noprefixroute);
	}
	sh("ip addr add 10.3.0.1 peer 10.3.0.2/32 dev gre1");
	ok(find_addr(nl, "10.3.0.1/32", &a), "a point-to-point address is the local end");
	sh("ip addr del 10.3.0.1 peer 10.3.0.2/32 dev gre1");
}

static void test_sysctl(struct nl *nl)
{
	int value = -1;

	add_pair(nl, "eth0.100", "eth0.peer");
	is_int(sysctl_set("net/ipv4/conf/%s/forwarding", "eth0.100", 1), 0, "set, name with a dot");
	is_int(sysctl_get("net/ipv4/conf/%s/forwarding", "eth0.100", &value), 0, "get it");
	is_int(value, 1, "the value");
	ok(prints("cat /proc/sys/net/ipv4/conf/eth0.100/forwarding", "1"), "as the kernel has it");
	is_int(sysctl_set("net/ipv4/ip_forward", NULL, 0), 0, "set without a device");
	is_int(sysctl_get("net/ipv4/ip_forward", NULL, &value), 0, "get it");
	is_int(value, 0, "the value");
	is_int(sysctl_get("net/ipv4/conf/%s/no_such", "eth0.100", &value), -ENOENT, "no setting");
	is_int(sysctl_set("net/ipv4/conf/%s/forwarding", "no-dev", 1), -ENOENT, "no device");
	is_int(sysctl_get("net/ipv4/conf/%s/forwarding", "..", &value), -EINVAL, "no device name");
	is_int(sysctl_get("net/ipv4/conf/%s/forwarding", NULL, &value), -EINVAL, "name missing");
}

static void test_ethtool(struct nl *nl)
{
	uint32_t queues = 0, max = 0;
	struct netdev d = {0};
	uint64_t features = 0;
	char driver[32] = "";
	bool on = true;
	int err;

	netdev_get(nl, "gre1", &d);
	is_int(ethtool_driver("gre1", driver), 0, "driver");
	is_str(driver, "veth", "is veth");
	is_int(ethtool_driver("no-dev", driver), -ENODEV, "driver of no device");
	is_int(ethtool_feature("gre1", "rx-gro", &on), 0, "feature");
	sh("ethtool -K gre1 gro on");
	ok(!ethtool_feature("gre1", "rx-gro", &on) && on, "on after ethtool -K");
	sh("ethtool -K gre1 gro off");
	ok(!ethtool_feature("gre1", "rx-gro", &on) && !on, "off after ethtool -K");
	ok(!ethtool_feature("gre1", "tx-checksum-ip-generic", &on) && on, "another one");
	is_int(ethtool_feature("gre1", "no-such-feature", &on), -ENOENT, "no feature");
	is_int(ethtool_channels("gre1", &queues, &max), 0, "channels");
	ok(queues >= 1 && max >= queues, "%u of %u rx queues", queues, max);
	is_int(ethtool_channels("lo", &queues, &max), -EOPNOTSUPP, "channels of lo");
	err = netdev_xdp_features(d.ifindex, &features);
	if (err == -EOPNOTSUPP)
		ok(true, "XDP features # SKIP kernel before 6.3");
	else
		ok(!err && features & 1, "XDP features 0x%llx", (unsigned long long)features);
	ok(netdev_xdp_features(99999, &features) < 0, "XDP features of no device");
}

/* VLAN devices are not in every kernel. */
static void test_vlan(struct nl *nl)
{
	struct netdev d = {0};

	if (system("ip link add link gre1 name gre1.7 type vlan proto 802.1ad id 7 2>/dev/null")) {
		ok(true, "VLAN device # SKIP the kernel has no VLAN devices");
		return;
	}
	netdev_get(nl, "gre1.7", &d);
	ok(d.vlan_id == 7 && d.vlan_tpid == 0x88a8, "VLAN device: id and TPID");
	sh("ip link del gre1.7");
}

static void test_elsewhere(struct nl *nl)
{
	struct netdev d = {0};
	uint32_t ifindex;
	pid_t pid;

	ifindex = add_pair(nl, "far", "far.peer");
	netdev_get_index(nl, ifindex, &d);
	/* A process in a namespace of its own for the peer to live in, until it is moved there. */
	pid = fork();
	if (!pid) {
		char command[128];

		if (unshare(CLONE_NEWNET))
			_exit(1);
		snprintf(command, sizeof(command), "nsenter -t %d -n ip link set far.peer netns %d",
			 (int)getppid(), (int)getpid());
		if (system(command))
			_exit(1);
		pause();
	}
	for (int i = 0; i < 500 && !d.link_elsewhere; i++) {
		usleep(10000);
		netdev_get_index(nl, ifindex, &d);
	}
	ok(d.link_elsewhere, "a peer in another network namespace");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_groups(struct nl *nl)
{
	struct netdev *list = NULL, d = {0};
	char name[IFNAMSIZ], peer[IFNAMSIZ];
	size_t n = 0, ours = 0;
	double t;

	is_int(netdev_get(nl, "eth0.100", &d), 0, "a device");
	is_int(netdev_del(nl, d.ifindex), 0, "delete it");
	is_int(netdev_get(nl, "eth0.peer", &d), -ENODEV, "its peer is gone");
	is_int(netdev_del(nl, 99999), -ENODEV, "delete no device");
	is_int(netdev_del(nl, 0), -ENODEV, "delete device 0");
	t = now();
	for (int i = 0; i < MANY_DEVS; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		snprintf(peer, sizeof(peer), "p%d", i);
		add_pair(nl, name, peer);
	}
	diag("%d pairs added in %.0f ms", MANY_DEVS, (now() - t) * 1e3);
	t = now();
	is_int(netdev_list(nl, &list, &n), 0, "list");
	diag("%zu devices listed in %.1f ms", n, (now() - t) * 1e3);
	for (size_t i = 0; i < n; i++)
		ours += list[i].group == GROUP && !strcmp(list[i].kind, "veth");
	free(list);
	ok(ours >= 2 * MANY_DEVS, "all are listed");
	t = now();
	is_int(netdev_del_group(nl, GROUP), 0, "delete the group");
	diag("deleted in %.0f ms", (now() - t) * 1e3);
	is_int(netdev_del_group(nl, GROUP), -ENODEV, "delete it again");
	netdev_list(nl, &list, &n);
	ok(n >= 1 && !strcmp(list[0].name, "lo"), "lo is left");
	free(list);
}

/* Answer of nettc_has_ingress(), or -errno. */
static int has_ingress(struct nl *nl, uint32_t ifindex)
{
	bool there = false;
	int err = nettc_has_ingress(nl, ifindex, &there);

	return err ?: there;
}

static void test_qdisc(struct nl *nl)
{
	struct netdev d;

	add_pair(nl, "q0", "q1");
	netdev_get(nl, "q0", &d);
	is_int(has_ingress(nl, d.ifindex), 0, "a new device takes no filters at ingress");
	is_int(system("tc qdisc add dev q0 root pfifo"), 0, "a qdisc for what is sent");
	is_int(has_ingress(nl, d.ifindex), 0, "is none");
	is_int(system("tc qdisc add dev q0 clsact"), 0, "clsact without a filter");
	is_int(has_ingress(nl, d.ifindex), 1, "takes them");
	is_int(system("tc qdisc del dev q0 clsact"), 0, "without it again");
	is_int(has_ingress(nl, d.ifindex), 0, "it does not");
	is_int(system("tc qdisc add dev q0 ingress"), 0, "the ingress qdisc");
	is_int(has_ingress(nl, d.ifindex), 1, "takes them as well");
	is_int(has_ingress(nl, 99999), -ENODEV, "no device");
	netdev_del(nl, d.ifindex);
}

int main(void)
{
	struct nl *nl;

	if (!own_netns())
		return 0;
	if (!is_int(nl_open(&nl), 0, "open"))
		return done();
	test_veth(nl);
	test_set(nl);
	test_addr(nl);
	test_sysctl(nl);
	test_ethtool(nl);
	test_vlan(nl);
	test_elsewhere(nl);
	test_qdisc(nl);
	test_groups(nl);
	nl_close(nl);
	nl_close(NULL);
	return done();
}
