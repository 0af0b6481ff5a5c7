// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The event loop, on epoll. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>
#include "loop.h"

#define EVENTS 16

struct watch {
	loop_fd_fn fn; /* NULL: not watched */
	void *arg;
};

struct loop {
	int epoll;
	bool end;
	struct watch *watches; /* by file descriptor */
	size_t nwatches;
	struct loop_timer *timers; /* those that run, the next one first */
};

uint64_t loop_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int loop_new(struct loop **ret)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0) {
		int err = -errno;

		free(l);
		return err;
	}
	*ret = l;
	return 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	close(l->epoll);
	free(l->watches);
	free(l);
}

int loop_watch(struct loop *l, int fd, loop_fd_fn fn, void *arg)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

	if ((size_t)fd >= l->nwatches) {
		size_t n = (size_t)fd + 16;
		struct watch *w = reallocarray(l->watches, n, sizeof(*w));

		if (!w)
			return -ENOMEM;
		for (size_t i = l->nwatches; i < n; i++)
			w[i] = (struct watch){ 0 };
		l->watches = w;
		l->nwatches = n;
	}
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e))
		return -errno;
	l->watches[fd] = (struct watch){ .fn = fn, .arg = arg };
	return 0;
}

void loop_forget(struct loop *l, int fd)
{
	if (fd < 0 || (size_t)fd >= l->nwatches || !l->watches[fd].fn)
		return;
	epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
	l->watches[fd] = (struct watch){ 0 };
}

void loop_timer_stop(struct loop *l, struct loop_timer *t)
{
	struct loop_timer **at = &l->timers;

	t->due = 0;
	while (*at && *at != t)
		at = &(*at)->next;
	if (*at)
		*at = t->next;
}

void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t ms)
{
	struct loop_timer **at = &l->timers;

	loop_timer_stop(l, t);
	t->due = loop_now() + ms;
	while (*at && (*at)->due <= t->due)
		at = &(*at)->next;
	t->next = *at;
	*at = t;
}

/* Run the timers that are due; what they set anew is for the next time. */
static void run_timers(struct loop *l)
{
	uint64_t now = loop_now();

	while (l->timers && l->timers->due <= now && !l->end) {
		struct loop_timer *t = l->timers;

		l->timers = t->next;
		t->due = 0;
		t->fn(t->arg);
	}
}

static int time_left(const struct loop *l)
{
	uint64_t now = loop_now();

	if (!l->timers)
		return -1;
	if (l->timers->due <= now)
		return 0;
	return l->timers->due - now > 3600000 ? 3600000 : (int)(l->timers->due - now);
}

int loop_run(struct loop *l)
{
	struct epoll_event events[EVENTS];

	while (!l->end) {
		int n = epoll_wait(l->epoll, events, EVENTS, time_left(l));

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n && !l->end; i++) {
			/* an event before this one may have ended the watch */
			struct watch w = l->watches[events[i].data.fd];

			if (w.fn)
				w.fn(events[i].events, w.arg);
		}
		run_timers(l);
	}
	return 0;
}

void loop_end(struct loop *l)
{
	l->end = true;
}
