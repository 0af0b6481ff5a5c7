// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The instance comes, changes and goes; the modules start, check and stop with it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>
#include "cli.h"
#include "daemon.h"
#include "lock.h"

/* How often the instance is looked at: a stat(), and what the modules hold true. */
#define CHECK_MS 500

static const struct daemon_module *const modules[] = {
	&reassembly_device_module,
	&raw_module,
	&xsk_module,
	&path_module,
	&follow_module,
	&keepalive_module,
};
#define MODULES (sizeof(modules) / sizeof(modules[0]))

struct watched {
	struct daemon *d;
	struct loop_timer timer;
	bool started[MODULES];
	int said;     /* why the instance cannot be opened, once said */
	int signals;
};

/* The inode of the instance's first pin; 0 where there is none. */
static ino_t instance_inode(const char *instance)
{
	char path[256];
	struct stat sb;

	snprintf(path, sizeof(path), "%s/%s/maps/%s", STATE_ROOT, instance, "meta");
	return stat(path, &sb) ? 0 : sb.st_ino;
}

bool daemon_try_lock(const struct daemon *d, int *ret_fd)
{
	if (instance_try_lock(d->instance, ret_fd))
		return false;
	if (instance_inode(d->instance) == d->inode) {
		d->st->unsettled = true; /* by a tool, since this process last looked */
		return true;
	}
	instance_unlock(d->instance, *ret_fd);
	return false;
}

void daemon_unlock(const struct daemon *d, int fd)
{
	instance_unlock(d->instance, fd);
}

static void modules_stop(struct watched *f)
{
	for (size_t i = MODULES; i-- > 0;)
		if (f->started[i]) {
			modules[i]->stop(f->d);
			f->started[i] = false;
		}
}

static void modules_start(struct watched *f)
{
	for (size_t i = 0; i < MODULES; i++) {
		int err = modules[i]->start(f->d);

		f->started[i] = true;
		if (!err)
			continue;
		daemon_say("%s: %s; goes on without", modules[i]->name, strerror(-err));
		modules[i]->stop(f->d);
		f->started[i] = false;
	}
}

static void modules_check(struct watched *f)
{
	for (size_t i = 0; i < MODULES; i++)
		if (f->started[i] && modules[i]->check)
			modules[i]->check(f->d);
}

static void instance_gone(struct watched *f)
{
	modules_stop(f);
	state_close(f->d->st);
	f->d->st = NULL;
	f->d->inode = 0;
}

static void instance_come(struct watched *f)
{
	ino_t inode = instance_inode(f->d->instance);
	int err = inode ? state_open(f->d->instance, true, &f->d->st) : -ENOENT;

	if (!err) {
		f->d->inode = inode;
		f->said = 0;
		daemon_say("instance %s is there", f->d->instance);
		daemon_notify("STATUS=At work.");
		modules_start(f);
		return;
	}
	if (err == f->said)
		return;
	f->said = err;
	if (err == -ENOENT) {
		daemon_say("waiting for instance %s; xgre-load apply makes it", f->d->instance);
		daemon_notify("STATUS=Waiting for the instance.");
	} else {
		cli_state_error(f->d->instance, err);
		daemon_notify("STATUS=The instance cannot be opened.");
	}
}

static void look(void *arg)
{
	struct watched *f = arg;

	if (f->d->st && instance_inode(f->d->instance) != f->d->inode) {
		daemon_say("instance %s is gone", f->d->instance);
		instance_gone(f);
	}
	if (!f->d->st)
		instance_come(f);
	if (f->d->st)
		modules_check(f);
	loop_timer_set(f->d->loop, &f->timer, CHECK_MS);
}

static void signalled(uint32_t events, void *arg)
{
	struct watched *f = arg;
	struct signalfd_siginfo info;

	(void)events;
	if (read(f->signals, &info, sizeof(info)) == sizeof(info))
		loop_end(f->d->loop);
}

/* SIGTERM and SIGINT end the loop; they must be blocked in every thread. */
static int signals_open(struct watched *f)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	f->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return f->signals < 0 ? -errno : loop_watch(f->d->loop, f->signals, signalled, f);
}

/* What was changed for the time that the daemon runs goes back. */
static void undo(struct watched *f)
{
	int fd;

	if (!f->d->st || instance_lock(f->d->instance, &fd))
		return;
	if (instance_inode(f->d->instance) == f->d->inode) /* unload may have been quicker */
		for (size_t i = MODULES; i-- > 0;)
			if (f->started[i] && modules[i]->undo)
				modules[i]->undo(f->d);
	instance_unlock(f->d->instance, fd);
}

int daemon_run(struct daemon *d)
{
	struct watched f = { .d = d, .timer = { .fn = look, .arg = &f }, .signals = -1 };
	int err = signals_open(&f);

	if (!err) {
		daemon_notify("READY=1");
		look(&f);
		err = loop_run(d->loop);
		daemon_notify("STOPPING=1");
		undo(&f);
		instance_gone(&f);
	}
	loop_forget(d->loop, f.signals);
	if (f.signals >= 0)
		close(f.signals);
	return err;
}
