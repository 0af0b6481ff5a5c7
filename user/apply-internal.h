/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shared by the files that carry a plan out. */
#ifndef XGRE_APPLY_INTERNAL_H
#define XGRE_APPLY_INTERNAL_H

#include "apply.h"
#include "attach.h"
#include "firewall.h"
#include "netdev.h"
#include "plan.h"
#include "state.h"

/* What only the kernel knows about a port of the model, found before anything changes. */
struct port_facts {
	struct netdev dev;
	struct netdev lower; /* dev itself unless it is a VLAN device */
	uint16_t tags;
	uint16_t tag[2][2]; /* TPID, VLAN ID, outermost first; host byte order */
};

struct tunnel_facts {
	uint32_t mtu;	       /* effective */
	uint32_t port_ifindex; /* of the port that holds local */
	bool fast;
	bool unsettled; /* tunnels_settle() has to do with it */
};

struct run {
	const char *instance;
	const char *file;
	FILE *out;  /* notes for people; NULL: none */
	bool unfinished; /* a change before this one was cut short */
	bool quiet; /* no messages: on the way back from a failure that has had its own */
	struct state *st;
	struct nl *nl;
	struct programs prog;
	struct programs old; /* that ran before, where prog is to take over from them */
	uint64_t old_build;
	char host_id[64];
	const struct model *want;
	struct port_facts *ports;     /* as want->ports */
	struct tunnel_facts *tunnels; /* as want->tunnels */
	uint32_t next_route;	      /* where the search for a free route number goes on */
	struct netroute *kernel;      /* the kernel's routes when last read, sorted by prefix */
	size_t nkernel;
};

/* Print one error, "PLACE: text" where place is known, and return err. */
int run_fail(const struct run *r, int err, const struct place *place, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The kernel's or our own words for a failure. */
const char *run_reason(const struct run *r, int err);

/* Facts about the ports and tunnels of want; nothing is changed. Errors are printed. */
int run_prepare(struct run *r);
void run_forget(struct run *r);

/* apply-port-xdp.c */
/* Put XDP on the port in the mode that the configuration asks for; *ret_xdp: it runs. */
int port_xdp(struct run *r, const struct port *p, const struct port_facts *f, bool *ret_xdp);
/* Is our program on a device: one that is loaded now, none, or neither? */
enum port_xdp { PORT_XDP_NONE, PORT_XDP_GOOD, PORT_XDP_BAD };
enum port_xdp port_xdp_state(struct run *r, const struct netdev *lower);
/* Take it off a device, whose name the link has, after others have stopped sending. Idempotent. */
int port_xdp_off(struct run *r, uint32_t lower, const char *name);

/* apply-port.c */
int port_set(struct run *r, size_t want);
int port_del(struct run *r, const char *name);
/* Does a port run as it was set up? */
bool port_intact(struct run *r, const struct port *p);
/* Give a device's settings back and take our programs from it; idempotent. */
int port_leave(struct nl *nl, const struct state *st, const struct xgre_port *p);

/* apply-tunnel.c */
int tunnel_set(struct run *r, size_t want);
int tunnel_del(struct run *r, const char *name);
/*
 * Once the routes are there: what lets fewer sources in than before, and the endpoints
 * of kernel's devices, which have traffic before they are ours and lose none of it.
 */
int tunnels_settle(struct run *r);
/* Before its routes go: packets of a kernel's device are the kernel's alone from now on. */
void tunnel_retire(struct run *r, const char *name);
/* want: its index, for the facts */
bool tunnel_intact(struct run *r, const struct tunnel *have, size_t want);
/* apply-link.c: what xgred is to do and has found out. */
void link_set(const struct run *r, const struct tunnel *t, uint32_t number);
bool link_intact(const struct run *r, const struct tunnel *t, uint32_t number);
/* Does the tunnel's device have no carrier now, as keepalives are not answered? */
bool link_down(const struct run *r, uint32_t number);
bool device_is_ours(const struct netdev *d, const char *instance);

/* apply-address.c */
/* The addresses of the configuration on the device; others that are there may stay. */
int addresses_set(struct run *r, const struct tunnel *t, uint32_t ifindex);
/* An address that we gave the device and the configuration does not name (any more). */
bool address_is_stray(const struct netaddr *a, uint32_t ifindex, const struct tunnel *t);
bool prefix_list_has(const struct prefix_list *l, const struct prefix *p);
/* Let t's sources in; and none but those, by whichever tunnel this number had more. */
int sources_add(struct run *r, const struct tunnel *t, uint32_t number, uint32_t ifindex);
int sources_trim(struct run *r, const struct tunnel *t, uint32_t number, uint32_t ifindex);

/* apply-kernel.c: the kernel's GRE devices that tunnels have as their own */
/* Does the device match? Every difference is printed; else f->mtu is its MTU. */
int kernel_device_prepare(struct run *r, const struct tunnel *t, struct tunnel_facts *f);
/* -ENODEV where there is no GRE device of this name. */
int kernel_device_get(struct run *r, const char *name, struct netdev *ret);
/* Take what we added to a device, or to all of the instance's; other devices are left alone. */
int kernel_device_leave(struct nl *nl, uint32_t ifindex);
int kernel_devices_leave(struct nl *nl, const char *instance);

/* apply-route.c */
/* have: the route as it was, with the name of its tunnel, or NULL. */
int route_set(struct run *r, const struct route *have, const char *have_tunnel,
	      const struct route *want, const char *tunnel);
int route_del(struct run *r, const struct route *have, const char *tunnel);
uint32_t unreachable_metric(const char *instance);
/* Our routes in the kernel as they should be for m: what is missing is added, strays go. */
int kernel_routes_mend(struct run *r, const struct model *m);
/* Mark routes of m that are not as they should be in the kernel. */
int kernel_routes_audit(struct run *r, const struct model *m, bool *damaged);

/* unload.c: everything of the instance goes; nothing is printed. */
int unload_state(const char *instance, struct nl *nl);
/* Id of the map that all programs of an instance use; 0 where it is not pinned. */
uint32_t marker_map(const char *instance);

/* holes.c: prefixes inside ours that the kernel must answer for; all recomputed. */
int holes_update(struct run *r);

/*
 * Test hook: a numbered point between two changes. In a build with XGRE_FAULTS,
 * XGRE_FAULT=fail:N makes the Nth one fail and kill:N ends the process there.
 */
#ifdef XGRE_FAULTS
int fault_point(void);
#else
static inline int fault_point(void)
{
	return 0;
}
#endif

#endif
