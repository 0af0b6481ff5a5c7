// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * TC: xgre_port at a port's ingress is the fast path where XDP is not, and on
 * every port the way from the port into the tunnel devices; xgre_dev at the
 * hidden peers' ingress is the way out of them.
 */
#define XGRE_CTX_TC
#include "port.h"
#include "device.h"

/* Headers linear and writable, so that they can be read in place. */
static __always_inline void pull_headers(struct __sk_buff *skb)
{
	if (ctx_data(skb) + XGRE_PULL > ctx_data_end(skb))
		bpf_skb_pull_data(skb, ctx_len(skb) < XGRE_PULL ? ctx_len(skb) : XGRE_PULL);
}

/* Does XDP do the fast path here? Then its punts are counted, and final. */
static __always_inline bool port_has_xdp(const struct frame *f)
{
	return f->port->flags & XGRE_PORT_XDP;
}

static __always_inline int port_punt(struct __sk_buff *skb, const struct frame *f, int reason)
{
	if (reason < XGRE_REASON_PUNTS || !port_has_xdp(f))
		return verdict(skb, reason);
	return TC_ACT_UNSPEC;
}

/* An accepted packet of a tunnel: on by the fast path, or into the device. */
static __always_inline int port_decap(struct __sk_buff *skb, const struct frame *f,
				      struct work *w, struct decap *d, int reason)
{
	int action = TC_ACT_UNSPEC;

	if (!port_has_xdp(f)) {
		if (!reason)
			reason = decap_forward(skb, f, &w->ip, d, &w->query, &action);
		if (!reason)
			return action;
		reason_count(skb, reason);
	}
	return device_decap(skb, f, &w->ip, d);
}

static __always_inline int port_receive(struct __sk_buff *skb, struct frame *f, struct work *w)
{
	int action = TC_ACT_UNSPEC;
	int outer_reason, reason;
	struct decap d = {};

	d.inner = &w->inner;
	outer_reason = parse_ip(skb, f->l3, f->proto, &w->ip);
	if (outer_reason && !(outer_reason == XGRE_R_IP_OPTIONS && f->proto == bpf_htons(ETH_P_IP) &&
			      options_acceptable(skb, f->l3, w->ip.header_len)))
		return port_punt(skb, f, outer_reason);
	reason = port_classify(skb, f, &w->ip, &d);
	/* IP options, outside or inside, keep a packet off the fast path and no more */
	if (d.t && (!reason || reason == XGRE_R_IP_OPTIONS)) {
		int order = port_in_order(skb, &d, port_has_xdp(f) && !outer_reason);

		if (order)
			return port_punt(skb, f, order);
		return port_decap(skb, f, w, &d, outer_reason ?: reason);
	}
	reason = reason ?: outer_reason;
	if (!reason && !port_has_xdp(f))
		reason = port_encap(skb, f, &w->ip, &d, &w->query, &action);
	return reason ? port_punt(skb, f, reason) : action;
}

SEC("tc")
int xgre_port(struct __sk_buff *skb)
{
	struct work *w = XGRE_LOOKUP(work, 0);
	struct frame f;
	int reason;

	if (!w)
		return TC_ACT_UNSPEC;
	pull_headers(skb);
	reason = parse_frame(skb, &f);
	if (reason)
		return f.port ? port_punt(skb, &f, reason) : verdict(skb, reason);
	return port_receive(skb, &f, w);
}

SEC("tc")
int xgre_dev(struct __sk_buff *skb)
{
	struct work *w = XGRE_LOOKUP(work, 0);
	int action = TC_ACT_SHOT;
	int reason;

	if (!w)
		return TC_ACT_SHOT;
	pull_headers(skb);
	reason = device_encap(skb, &w->ip, &w->query, &action);
	return reason ? verdict(skb, reason) : action;
}

char _license[] SEC("license") = "Dual BSD/GPL";
