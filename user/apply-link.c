// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What apply and xgred tell each other about a tunnel's path: keepalives, MTU, up or down. */
#include <string.h>
#include "apply-internal.h"
#include "daemon.h"

bool link_down(const struct run *r, uint32_t number)
{
	/* a tunnel is down for as long as somebody watches for its coming up */
	return r->st->links[number].state == XGRE_LINK_DOWN && daemon_runs(r->instance);
}

void link_set(const struct run *r, const struct tunnel *t, uint32_t number)
{
	const struct xgre_tunnel *old = state_tunnel(r->st, number);
	struct xgre_link *l = &r->st->links[number];

	/* what is known about the path to another remote does not hold for this one */
	if (memcmp(&old->local, &t->local.a, sizeof(old->local)) ||
	    memcmp(&old->remote, &t->remote.a, sizeof(old->remote)))
		state_link_reset(r->st, number);
	if (!t->keepalive_interval || !link_down(r, number))
		l->state = XGRE_LINK_UP;
	l->keepalive_retries = (uint16_t)t->keepalive_retries;
	/* last: with it xgred begins */
	__atomic_store_n(&l->keepalive_interval, (uint16_t)t->keepalive_interval, __ATOMIC_RELEASE);
}

bool link_intact(const struct run *r, const struct tunnel *t, uint32_t number)
{
	const struct xgre_link *l = &r->st->links[number];

	return l->keepalive_interval == t->keepalive_interval &&
	       l->keepalive_retries == t->keepalive_retries &&
	       (l->state == XGRE_LINK_UP || link_down(r, number));
}
