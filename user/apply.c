// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * From the running state to the wanted one. What runs is read from the maps
 * and held against the kernel, so that whatever a killed predecessor left, or
 * somebody removed by hand, shows up as damage and is mended by the same steps.
 * A failure on the way goes back by applying the model from before.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "apply-internal.h"
#include "cli.h"
#include "lock.h"
#include "resolve.h"

/* Room beyond what the configuration needs, for what comes at run time. */
#define TUNNELS_MIN 256
#define ROUTES_MIN  4096
#define CHUNKS_MIN  512

static uint32_t at_least(size_t n, uint32_t min)
{
	return n > min ? n : min;
}

static void sizes_for(const struct model *m, struct state_sizes *ret)
{
	ret->tunnels = at_least(2 * m->ntunnels, TUNNELS_MIN);
	ret->routes = at_least(2 * m->nroutes + XGRE_ROUTE_FIRST, ROUTES_MIN);
	ret->chunks = at_least(2 * (size_t)lpm_chunks_needed(m->routes, m->nroutes), CHUNKS_MIN);
}

static void host_id_read(char *ret, size_t size)
{
	FILE *f = fopen("/etc/machine-id", "re");

	if (!f || !fgets(ret, size, f) || !ret[0])
		gethostname(ret, size);
	ret[size - 1] = 0;
	ret[strcspn(ret, "\n")] = 0;
	if (f)
		fclose(f);
}

/* Open the instance, or make it where it does not run yet; *ret_new says which. */
static int run_open(struct run *r, bool *ret_new)
{
	struct state_sizes sizes;
	char error[512];
	int err;

	*ret_new = false;
	err = state_open(r->instance, true, &r->st);
	if (err == -ESTALE) { /* its network namespace is gone, and all of it but the pins */
		err = state_unpin(r->instance) ?: -ENOENT;
		if (r->out)
			fprintf(r->out, "note: instance %s was of a network namespace that is gone\n",
				r->instance);
	}
	if (err && err != -ENOENT) {
		cli_state_error(r->instance, err);
		return err;
	}
	if (err == -ENOENT) {
		sizes_for(r->want, &sizes);
		err = state_create(r->instance, &sizes, &r->st);
		if (err)
			return run_fail(r, err, NULL, "making the BPF maps: %s%s", strerror(-err),
					err == -EPERM ? "; run as root" : "");
		*ret_new = true;
	}
	/* The programs that run, or this binary's where they are others or none. */
	err = *ret_new ? -ENOENT : programs_open(r->st, &r->prog);
	if (!err && r->st->meta->build == programs_build())
		return 0;
	r->old = r->prog;
	r->old_build = r->st->meta->build;
	err = programs_load(r->st, &r->prog, error, sizeof(error));
	if (err)
		return run_fail(r, err, NULL, "loading the BPF programs: %s%s", error,
				err == -EPERM ? " (run as root?)" : "");
	return 0;
}

static void run_close(struct run *r)
{
	run_forget(r);
	free(r->kernel);
	programs_close(&r->prog);
	programs_close(&r->old);
	state_close(r->st);
	nl_close(r->nl);
}

/* Devices of an instance whose pins were lost. */
static int strays_add(struct run *r, struct model *have)
{
	struct netdev *devs = NULL;
	size_t n = 0;
	int err = netdev_list(r->nl, &devs, &n);

	for (size_t i = 0; i < n && !err; i++) {
		struct tunnel *t;
		char alias[64];

		device_alias(r->instance, devs[i].name, alias);
		if (strcmp(devs[i].alias, alias) || model_find_tunnel(have, devs[i].name))
			continue;
		t = model_add_tunnel(have);
		if (!t) {
			err = -ENOMEM;
			break;
		}
		memcpy(t->name, devs[i].name, sizeof(t->name));
	}
	free(devs);
	return err;
}

static size_t find_tunnel(const struct model *m, const char *name)
{
	const struct tunnel *t = model_find_tunnel(m, name);

	return t ? (size_t)(t - m->tunnels) : NOT_THERE;
}

static int audit(struct run *r, const struct model *have, struct damage *ret)
{
	ret->ports = calloc(have->nports + 1, sizeof(bool));
	ret->tunnels = calloc(have->ntunnels + 1, sizeof(bool));
	ret->routes = calloc(have->nroutes + 1, sizeof(bool));
	if (!ret->ports || !ret->tunnels || !ret->routes)
		return run_fail(r, -ENOMEM, NULL, "out of memory");
	/* after an interruption nothing is taken on trust */
	for (size_t i = 0; i < have->nports; i++)
		ret->ports[i] = r->unfinished || !port_intact(r, &have->ports[i]);
	for (size_t i = 0; i < have->ntunnels; i++)
		ret->tunnels[i] = r->unfinished ||
				  !tunnel_intact(r, &have->tunnels[i],
						 find_tunnel(r->want, have->tunnels[i].name));
	for (size_t i = 0; i < have->nroutes; i++)
		ret->routes[i] = r->unfinished;
	return kernel_routes_audit(r, have, ret->routes);
}

static void damage_free(struct damage *d)
{
	free(d->ports);
	free(d->tunnels);
	free(d->routes);
}

static int step_do(struct run *r, const struct step *s, const struct model *have)
{
	const struct model *want = r->want;
	const struct route *h = NULL, *w = NULL;

	switch (s->kind) {
	case STEP_PORT_SET:
		return port_set(r, s->want);
	case STEP_TUNNEL_SET:
		return tunnel_set(r, s->want);
	case STEP_ROUTE_SET:
		w = &want->routes[s->want];
		if (s->have != NOT_THERE)
			h = &have->routes[s->have];
		return route_set(r, h, h ? have->tunnels[h->tunnel].name : NULL, w,
				 want->tunnels[w->tunnel].name);
	case STEP_ROUTE_DEL:
		h = &have->routes[s->have];
		return route_del(r, h, have->tunnels[h->tunnel].name);
	case STEP_TUNNEL_DEL:
		return tunnel_del(r, have->tunnels[s->have].name);
	case STEP_PORT_DEL:
		return port_del(r, have->ports[s->have].name);
	}
	return -EINVAL;
}

/* All steps, then what follows from all of them together. */
static int plan_do(struct run *r, const struct plan *p, const struct model *have)
{
	int err = 0;

	for (size_t i = 0; i < p->count; i++)
		if (p->steps[i].kind == STEP_TUNNEL_DEL)
			tunnel_retire(r, have->tunnels[p->steps[i].have].name);
	for (size_t i = 0; i < p->count && !err; i++)
		err = step_do(r, &p->steps[i], have);
	err = err ?: tunnels_settle(r);
	if (p->count && !err) {
		err = kernel_routes_mend(r, r->want);
		state_sweep(r->st, r->unfinished);
	}
	err = err ?: holes_update(r);
	if (err)
		return err;
	err = fault_point() ?: state_model_commit(r->st, r->want) ?: fault_point();
	if (err)
		return run_fail(r, err, NULL, "keeping the configuration: %s", strerror(-err));
	r->st->meta->unfinished = 0;
	return 0;
}

/* The programs of this binary take over, hook by hook and in place. */
static int programs_take_over(struct run *r)
{
	int err;

	if (r->st->meta->build == programs_build())
		return 0;
	err = programs_pin(r->st, &r->prog) ?: fault_point();
	if (err)
		return run_fail(r, err, NULL, "pinning the programs: %s", strerror(-err));
	r->st->meta->build = programs_build();
	return 0;
}

/* Back to what ran before a failure. Quiet but for a failure of its own. */
static void roll_back(struct run *r, const struct model *have, bool is_new)
{
	struct run back = {
		.instance = r->instance,
		.st = r->st,
		.nl = r->nl,
		.prog = r->prog,
		.want = have,
		.quiet = true,
		.unfinished = true, /* everything may have been touched */
	};
	struct damage damage = {};
	struct model now;
	struct plan p = {};
	int err = 0;

	memcpy(back.host_id, r->host_id, sizeof(back.host_id));
	if (is_new) {
		unload_state(r->instance, r->nl);
		return;
	}
	if (r->old.fd[0] >= 0) {
		back.prog = r->old;
		err = programs_pin(r->st, &r->old);
		r->st->meta->build = r->old_build;
	}
	model_init(&now);
	err = err ?: state_model(r->st, &now);
	err = err ?: run_prepare(&back);
	err = err ?: audit(&back, &now, &damage);
	err = err ?: plan_make(&now, have, &damage, &p);
	err = err ?: plan_do(&back, &p, &now);
	if (err)
		cli_error("going back to the state before failed as well: %s; 'xgre-load -i %s apply' with "
			  "the last good file mends it",
			  strerror(-err), r->instance);
	damage_free(&damage);
	plan_free(&p);
	model_free(&now);
	run_forget(&back);
	free(back.kernel);
}

static void report(const struct apply_options *o, const struct plan *p, const struct model *have,
		   const struct model *want)
{
	if (!p->count) {
		fprintf(o->out, "nothing to change\n");
		return;
	}
	plan_print(p, have, want, o->out);
	fprintf(o->out, "%s: %zu %s\n", o->dry_run ? "dry run, nothing changed" : "applied", p->count,
		p->count == 1 ? "change" : "changes");
}

static int apply_locked(const struct apply_options *o, struct run *r, struct model *want)
{
	struct damage damage = {};
	struct model have;
	struct plan p = {};
	bool is_new, begun = false;
	int err;

	model_init(&have);
	err = run_open(r, &is_new);
	if (err)
		return err;
	err = is_new ? strays_add(r, &have) : state_model(r->st, &have);
	if (err) {
		run_fail(r, err, NULL, "reading the running configuration: %s", strerror(-err));
		goto out;
	}
	r->unfinished = r->st->meta->unfinished;
	err = plan_merge(&have, want, o->prune);
	if (err) {
		run_fail(r, err, NULL, "out of memory");
		goto out;
	}
	err = run_prepare(r);
	err = err ?: audit(r, &have, &damage);
	if (err)
		goto out;
	err = plan_make(&have, want, &damage, &p);
	if (err) {
		run_fail(r, err, NULL, "out of memory");
		goto out;
	}
	if (o->dry_run) {
		report(o, &p, &have, want);
		goto out;
	}
	begun = true;
	r->st->meta->unfinished = 1;
	if (is_new)
		err = state_pin(r->st);
	if (err)
		run_fail(r, err, NULL, "pinning the maps below %s: %s", r->st->dir, strerror(-err));
	err = err ?: programs_take_over(r);
	err = err ?: plan_do(r, &p, &have);
	if (!err)
		report(o, &p, &have, want);
out:
	if (err && begun)
		roll_back(r, &have, is_new);
	damage_free(&damage);
	plan_free(&p);
	model_free(&have);
	return err;
}

int apply(const struct apply_options *o, struct model *want)
{
	struct run r = { .instance = o->instance, .file = o->file, .out = o->out, .want = want };
	int fd, err;

	for (int i = 0; i < PROGRAM_COUNT; i++)
		r.prog.fd[i] = r.old.fd[i] = -1;
	host_id_read(r.host_id, sizeof(r.host_id));
	err = state_bpffs() ?: instance_lock(o->instance, &fd);
	if (err)
		return err;
	err = nl_open(&r.nl);
	if (err)
		run_fail(&r, err, NULL, "rtnetlink: %s", strerror(-err));
	err = err ?: apply_locked(o, &r, want);
	run_close(&r);
	instance_unlock(o->instance, fd);
	return err;
}

int running_model(const char *instance, struct model *ret)
{
	struct state *st;
	int err = state_open(instance, false, &st);

	if (err) {
		cli_state_error(instance, err);
		return err;
	}
	err = state_model(st, ret);
	if (err)
		cli_error("instance %s: reading the running configuration: %s", instance, strerror(-err));
	state_close(st);
	return err;
}
