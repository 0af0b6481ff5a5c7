/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * xgred: one instance, an event loop, and modules that work while the instance
 * is there. The instance comes and goes with apply and unload, the process stays.
 */
#ifndef XGRE_DAEMON_USER_H
#define XGRE_DAEMON_USER_H

#include <sys/types.h>
#include "inject.h"
#include "loop.h"
#include "netdev.h"
#include "state.h"

struct raw;
struct xsks;
struct path;
struct follow;
struct keepalive;

/* Where whole outer packets are handed to xgre_port: a veth pair with the program on one end. */
struct reassembly_device {
	uint32_t ifindex; /* of the end with the program, which is a port; 0: there is none now */
	uint32_t writer;  /* of the end that is written to */
	uint8_t mac[6], writer_mac[6];
	struct inject *inject; /* the loop's own; a thread opens another one */
};

struct daemon {
	const char *instance;
	bool kernel_only; /* no AF_XDP sockets */
	struct loop *loop;
	struct nl *nl;
	struct state *st; /* NULL: the instance is not there */
	ino_t inode;	  /* of the pin that stands for it; the numbers are never used again */

	/* each module's own, NULL where it does not run */
	struct reassembly_device *device;
	struct raw *raw;
	struct xsks *xsks;
	struct path *path;
	struct follow *follow;
	struct keepalive *keepalive;
};

/*
 * A part of the daemon. start is called when the instance has come, in the order
 * of the table, stop when it goes, in the reverse order and where start failed as
 * well; check twice a second in between, and once after start. undo: the process
 * ends while the instance stays: what was changed goes back to what it was. The
 * lock of the instance is held by the caller then.
 */
struct daemon_module {
	const char *name;
	int (*start)(struct daemon *d); /* 0 or -errno */
	void (*check)(struct daemon *d);
	void (*undo)(struct daemon *d);
	void (*stop)(struct daemon *d);
};

/* A line to standard error, which is the journal. */
void daemon_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Count n packets or events. */
void daemon_count(const struct daemon *d, enum xgre_daemon_counter counter, uint64_t n);

/*
 * Is an xgred at work on this instance? The lock that it holds tells, so that one
 * that was killed is not taken for it. lock: 0 and held until the process ends;
 * -EBUSY where another one holds it; other -errno.
 */
bool daemon_runs(const char *instance);
int daemon_lock(const char *instance);

/*
 * The instance's lock, for a change to it: false where a command has it, or the
 * instance has gone. To be tried again then: the loop does not wait.
 */
bool daemon_try_lock(const struct daemon *d, int *ret_fd);
void daemon_unlock(const struct daemon *d, int fd);

/* daemon-instance.c: follow the instance until the loop ends, then undo and stop. */
int daemon_run(struct daemon *d);

/* daemon-privilege.c: keep the capabilities that are needed and the system calls that are used. */
int daemon_drop_privileges(void);
int daemon_filter_syscalls(void);

/* daemon-notify.c: the word to systemd, where it asked for one (sd_notify(3)). */
void daemon_notify(const char *state);

/* Modules. */
extern const struct daemon_module reassembly_device_module; /* daemon-device.c */
extern const struct daemon_module raw_module;		    /* daemon-raw.c */
extern const struct daemon_module xsk_module;		    /* daemon-xsk.c */
extern const struct daemon_module path_module;		    /* daemon-path.c */
extern const struct daemon_module follow_module;	    /* daemon-follow.c */
extern const struct daemon_module keepalive_module;	    /* daemon-keepalive.c */

/* A keepalive of this tunnel came back. */
void keepalive_answered(struct daemon *d, uint32_t number);

#endif
