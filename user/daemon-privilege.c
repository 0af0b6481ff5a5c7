// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What xgred keeps once it has entered its network namespace. */
#include <errno.h>
#include <stddef.h>
#include <cap-ng.h>
#include <seccomp.h>
#include <sys/resource.h>
#include "daemon.h"

/*
 * BPF: open pinned maps and programs, write entries. NET_ADMIN: devices, filters
 * and sysctls of the network namespace. NET_RAW: raw and packet sockets. Files
 * and pins are root's, who the process stays.
 */
int daemon_drop_privileges(void)
{
	const struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };

	/* memory of AF_XDP sockets is locked: without a limit, or by the right to go beyond it */
	bool lock = setrlimit(RLIMIT_MEMLOCK, &none) && !capng_get_caps_process() &&
		    capng_have_capability(CAPNG_PERMITTED, CAP_IPC_LOCK);

	capng_clear(CAPNG_SELECT_ALL);
	if (capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_BPF, CAP_NET_ADMIN,
			  CAP_NET_RAW, -1))
		return -EINVAL;
	if (lock && capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_IPC_LOCK))
		return -EINVAL;
	/* with the bounding set, or root would get all of them back by an exec */
	return capng_apply(CAPNG_SELECT_BOTH) ? -EPERM : 0;
}

/* Everything that the daemon, its libraries and their threads do; the rest is refused. */
int daemon_filter_syscalls(void)
{
	static const int allowed[] = {
		/* files: locks, pins, sysctls */
		SCMP_SYS(openat), SCMP_SYS(open), SCMP_SYS(close), SCMP_SYS(read), SCMP_SYS(write),
		SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(readv), SCMP_SYS(writev),
		SCMP_SYS(lseek), SCMP_SYS(stat), SCMP_SYS(fstat), SCMP_SYS(lstat),
		SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(statfs), SCMP_SYS(fstatfs),
		SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink),
		SCMP_SYS(readlinkat), SCMP_SYS(getdents64), SCMP_SYS(flock), SCMP_SYS(unlink),
		SCMP_SYS(unlinkat), SCMP_SYS(fcntl), SCMP_SYS(dup), SCMP_SYS(dup3),
		/* sockets */
		SCMP_SYS(socket), SCMP_SYS(bind), SCMP_SYS(connect), SCMP_SYS(setsockopt),
		SCMP_SYS(getsockopt), SCMP_SYS(getsockname), SCMP_SYS(sendto), SCMP_SYS(sendmsg),
		SCMP_SYS(sendmmsg), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(recvmmsg),
		SCMP_SYS(shutdown), SCMP_SYS(ioctl),
		/* maps and programs */
		SCMP_SYS(bpf), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap),
		SCMP_SYS(madvise), SCMP_SYS(mprotect), SCMP_SYS(brk), SCMP_SYS(mlock),
		/* waiting, time, threads */
		SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait),
		SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2), SCMP_SYS(poll), SCMP_SYS(ppoll),
		SCMP_SYS(eventfd2), SCMP_SYS(signalfd4), SCMP_SYS(timerfd_create),
		SCMP_SYS(timerfd_settime), SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep),
		SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(futex),
		SCMP_SYS(clone), SCMP_SYS(clone3), SCMP_SYS(rseq), SCMP_SYS(set_robust_list),
		SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_setaffinity),
		SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(getrandom), SCMP_SYS(membarrier),
		SCMP_SYS(prctl), SCMP_SYS(getrlimit), SCMP_SYS(setrlimit), SCMP_SYS(prlimit64),
		SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(getuid), SCMP_SYS(geteuid),
		/* signals and the end */
		SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
		SCMP_SYS(restart_syscall), SCMP_SYS(tgkill), SCMP_SYS(exit), SCMP_SYS(exit_group),
	};
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err = ctx ? 0 : -ENOMEM;

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && !err; i++)
		if (allowed[i] >= 0) /* negative: this architecture has none such */
			err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	err = err ?: seccomp_load(ctx); /* sets no_new_privs, too */
	if (ctx)
		seccomp_release(ctx);
	return err;
}
