// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* XDP on a port: where it can run, and by which of its two ways it is attached. */
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include "apply-internal.h"
#include "cli.h"
#include "dispatcher.h"
#include "resolve.h"

/* netdev generic netlink, kernel 6.3: linux/netdev.h is not in Debian 12's headers */
#define XDP_ACT_BASIC	 (1u << 0)
#define XDP_ACT_NDO_XMIT (1u << 2)

/* Why XDP cannot run here although the driver may know it; NULL where it can. */
static const char *xdp_obstacle(const struct port *p, const struct port_facts *f)
{
	uint64_t features = 0;
	bool on = false;
	int err;

	if (p->xdp == XDP_MODE_SKB) {
		if (!ethtool_feature(f->lower.name, "rx-gro", &on) && on)
			return "generic XDP would see GRO's superframes; turn GRO off first "
			       "(ethtool -K DEVICE gro off)";
		return NULL;
	}
	if (f->tags && !ethtool_feature(f->lower.name, "rx-vlan-hw-parse", &on) && on)
		return "the NIC takes VLAN tags off before XDP sees them; ethtool -K DEVICE rxvlan off";
	err = netdev_xdp_features(f->lower.ifindex, &features);
	if (strcmp(f->lower.kind, "veth"))
		/* NIC drivers say that they can send only once a program is attached */
		return !err && !(features & XDP_ACT_BASIC) ? "its driver has no native XDP" : NULL;
	/* A veth whose peer does not poll loses what is sent to it. */
	if (err)
		return "this kernel does not tell whether the veth's peer takes frames sent by XDP; "
		       "xdp: native insists";
	if (!(features & XDP_ACT_NDO_XMIT))
		return "the veth's peer does not take frames sent by XDP; ethtool -K PEER gro on "
		       "there";
	return NULL;
}

/* A port's XDP as it is to be. */
struct wish {
	const struct port *p;
	const struct port_facts *f;
	enum xdp_mode mode; /* native or skb */
	enum program program;
	uint8_t attached; /* the kernel's word for mode */
};

static uint32_t map_of_all(const struct state *st)
{
	return marker_map(st->instance);
}

/*
 * A NIC's driver refuses what other ports redirect to it as soon as it has no program
 * (virtnet_xdp_xmit() and its like), so they must have stopped before.
 */
static void others_stop(struct run *r, uint32_t lower)
{
	bool was_on = false;

	for (int i = 0; i < XGRE_PORTS_MAX; i++) {
		struct xgre_port *e = &r->st->ports[i];

		if (!(e->flags & XGRE_PORT_XDP) || e->lower != lower)
			continue;
		__atomic_fetch_and(&e->flags, ~XGRE_PORT_XDP, __ATOMIC_RELEASE);
		was_on = true;
	}
	if (was_on)
		state_sync();
}

int port_xdp_off(struct run *r, uint32_t lower, const char *name)
{
	others_stop(r, lower);
	return xdp_detach(r->st, name) ?: dispatcher_leave(lower, map_of_all(r->st));
}

/* Is the program in the dispatcher one of those loaded now? As dispatcher_query(). */
static int joined(const struct run *r, uint32_t ifindex)
{
	int err = dispatcher_query(r->st, ifindex, r->prog.fd[PROGRAM_SKB]);

	/* the one for large MTUs */
	return err == -ESTALE ? dispatcher_query(r->st, ifindex, r->prog.fd[PROGRAM_XDP]) : err;
}

enum port_xdp port_xdp_state(struct run *r, const struct netdev *lower)
{
	uint32_t ifindex, id;
	int err;

	if (!xdp_query(r->st, lower->name, &ifindex, &id))
		return ifindex == lower->ifindex &&
				       id == r->prog.id[lower->xdp_mode == XDP_ATTACHED_SKB ?
								PROGRAM_SKB :
								PROGRAM_XDP] ?
			       PORT_XDP_GOOD :
			       PORT_XDP_BAD;
	err = lower->xdp_prog ? joined(r, lower->ifindex) : -ENOENT;
	return !err ? PORT_XDP_GOOD : err == -ENOENT ? PORT_XDP_NONE : PORT_XDP_BAD;
}

/* The program runs not at all: an error, or a note where the configuration leaves it to us. */
static int without(struct run *r, const struct wish *w, const char *why)
{
	if (r->out)
		fprintf(r->out, "note: port %s: TC instead of XDP: %s\n", w->p->name, why);
	return 0;
}

static int attach_alone(struct run *r, const struct wish *w, bool *ret_xdp)
{
	const struct netdev *lower = &w->f->lower;
	int err = xdp_attach(r->st, lower->name, lower->ifindex, r->prog.fd[w->program], w->mode);

	*ret_xdp = !err;
	if (!err)
		return 0;
	if (w->p->xdp == XDP_MODE_AUTO)
		return without(r, w, err == -EBUSY ? "another XDP program is attached" : strerror(-err));
	if (err == -EBUSY)
		return run_fail(r, err, &w->p->place,
				"port %s: another XDP program is attached; ip link set dev %s %s off "
				"removes it, xdp: off runs on TC beside it",
				w->p->name, lower->name,
				lower->xdp_mode == XDP_ATTACHED_SKB ? "xdpgeneric" : "xdp");
	return run_fail(r, err, &w->p->place,
			"port %s: the driver refuses %s XDP: %s; xdp: auto takes TC instead",
			w->p->name, w->mode == XDP_MODE_SKB ? "generic" : "native", strerror(-err));
}

/* Join the dispatcher, or make one where there is none; without it where the kernel refuses. */
static int attach_shared(struct run *r, const struct wish *w, bool present, bool *ret_xdp)
{
	char why[256];
	int err;

	/* where programs take over from older ones it is replaced in any case, as a link's is */
	*ret_xdp = !r->old.id[PROGRAM_XDP] && !joined(r, w->f->lower.ifindex);
	if (*ret_xdp)
		return 0;
	err = dispatcher_join(r->st, w->f->lower.ifindex, w->mode, why, sizeof(why));
	*ret_xdp = !err;
	if (!err)
		return 0;
	if (!present) {
		if (r->out)
			fprintf(r->out, "note: port %s: attached without a dispatcher: %s\n",
				w->p->name, why);
		return attach_alone(r, w, ret_xdp);
	}
	if (w->p->xdp == XDP_MODE_AUTO) {
		char text[400];

		snprintf(text, sizeof(text), "the XDP dispatcher that is attached does not take ours: %s",
			 why);
		return without(r, w, text);
	}
	return run_fail(r, err, &w->p->place,
			"port %s: the XDP dispatcher that is attached does not take ours: %s; xdp: off "
			"runs on TC beside it",
			w->p->name, why);
}

int port_xdp(struct run *r, const struct port *p, const struct port_facts *before, bool *ret_xdp)
{
	/* XDP as it is now: another VLAN of the device may have attached it a moment ago */
	struct port_facts now = *before, *f = &now;
	struct wish w = { p, f, XDP_MODE_NATIVE, PROGRAM_XDP, XDP_ATTACHED_DRV };
	const char *obstacle;
	uint32_t ifindex, id;
	bool alone, present;
	int err;

	*ret_xdp = false;
	err = netdev_get_index(r->nl, before->lower.ifindex, &now.lower);
	if (err)
		return run_fail(r, err, &p->place, "port %s: %s: %s", p->name, before->lower.name,
				run_reason(r, err));
	if (p->xdp == XDP_MODE_OFF)
		return port_xdp_off(r, f->lower.ifindex, f->lower.name);
	if (p->xdp == XDP_MODE_SKB)
		w = (struct wish){ p, f, XDP_MODE_SKB, PROGRAM_SKB, XDP_ATTACHED_SKB };
	obstacle = xdp_obstacle(p, f);
	if (obstacle && p->xdp == XDP_MODE_SKB)
		return run_fail(r, -EBUSY, &p->place, "port %s: %s", p->name, obstacle);
	if (obstacle && p->xdp == XDP_MODE_AUTO) {
		without(r, &w, obstacle);
		return port_xdp_off(r, f->lower.ifindex, f->lower.name);
	}
	/* A link's mode is fixed: another mode is another link. */
	alone = !xdp_query(r->st, f->lower.name, &ifindex, &id) && ifindex == f->lower.ifindex;
	if (alone && f->lower.xdp_mode != w.attached) {
		port_xdp_off(r, f->lower.ifindex, f->lower.name);
		alone = false;
	}
	present = !alone && f->lower.xdp_prog && dispatcher_present(f->lower.ifindex);
	if (present && (p->dispatcher == DISPATCHER_OFF || f->lower.xdp_mode != w.attached)) {
		err = port_xdp_off(r, f->lower.ifindex, f->lower.name);
		if (err)
			return run_fail(r, err, &p->place, "port %s: leaving the XDP dispatcher: %s",
					p->name, strerror(-err));
		present = dispatcher_present(f->lower.ifindex);
	}
	if (alone && p->dispatcher == DISPATCHER_ON && r->out)
		fprintf(r->out,
			"note: port %s: XDP stays attached without a dispatcher; xdp: off, apply, and back "
			"gives it one\n",
			p->name);
	if (!alone && p->dispatcher != DISPATCHER_OFF && (present || p->dispatcher == DISPATCHER_ON))
		return attach_shared(r, &w, present, ret_xdp);
	return attach_alone(r, &w, ret_xdp);
}
