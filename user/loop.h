/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An event loop: file descriptors and timers, one thread. */
#ifndef XGRE_LOOP_H
#define XGRE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

/* events: EPOLLIN and its like. May come once more than there is to read. */
typedef void (*loop_fd_fn)(uint32_t events, void *arg);
typedef void (*loop_fn)(void *arg);

/* A timer is its owner's memory; zeroed, with fn and arg set, it is ready for use. */
struct loop_timer {
	loop_fn fn;
	void *arg;
	uint64_t due; /* loop_now(); 0: not running */
	struct loop_timer *next;
};

int loop_new(struct loop **ret);
void loop_free(struct loop *l); /* NULL is fine */

/* Call fn while the descriptor is readable or has an error. 0 or -errno. */
int loop_watch(struct loop *l, int fd, loop_fd_fn fn, void *arg);
void loop_forget(struct loop *l, int fd); /* before it is closed; -1 is fine */

/* Call t->fn once after ms from now; one that runs already is set anew. */
void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t ms);
void loop_timer_stop(struct loop *l, struct loop_timer *t);

/* Milliseconds of the monotonic clock. */
uint64_t loop_now(void);

/* Run until loop_end(). 0 or -errno. */
int loop_run(struct loop *l);
void loop_end(struct loop *l);

#endif
