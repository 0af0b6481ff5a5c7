// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* xgred: what a running instance has no use for a process for, and cannot do without one. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "cli.h"
#include "daemon.h"
#include "netns.h"

static void usage(FILE *out)
{
	fprintf(out,
		"usage: xgred [-n NETNS] [-i INSTANCE] [-k]\n\n"
		"Stays in the foreground and does for an instance what takes a process, such as\n"
		"reassembly of fragmented GRE packets. Waits for 'xgre-load apply' where the\n"
		"instance does not run. SIGTERM ends it.\n\n"
		"  -n, --netns NETNS        network namespace, a name as in ip netns, or a path\n"
		"  -i, --instance INSTANCE  which of several on this machine (default: " INSTANCE_DEFAULT
		")\n"
		"  -k, --kernel             no AF_XDP sockets: the kernel reassembles on every port\n"
		"  -h, --help               this text\n"
		"  -V, --version            the version\n\n"
		"Exit status: 0 ended by a signal, 1 failed, 2 usage. See xgred(8).\n");
}

/* Enter, lock, drop what is not needed, and work. */
static int run(struct daemon *d, const char *netns)
{
	int err;

	if ((netns && netns_enter(netns)) || state_bpffs())
		return CLI_FAILED;
	err = daemon_lock(d->instance);
	if (err == -EBUSY) {
		cli_error("an xgred runs on instance '%s' already", d->instance);
		return CLI_FAILED;
	}
	if (err) {
		cli_error("taking the lock of instance '%s' in /run: %s%s", d->instance,
			  strerror(-err), err == -EACCES ? "; run as root" : "");
		return CLI_FAILED;
	}
	err = daemon_drop_privileges() ?: daemon_filter_syscalls();
	if (err) {
		cli_error("dropping privileges: %s; run as root", strerror(-err));
		return CLI_FAILED;
	}
	err = loop_new(&d->loop) ?: nl_open(&d->nl);
	err = err ?: daemon_run(d);
	if (err)
		cli_error("%s", strerror(-err));
	nl_close(d->nl);
	loop_free(d->loop);
	return err ? CLI_FAILED : CLI_DONE;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "netns", required_argument, NULL, 'n' },
		{ "instance", required_argument, NULL, 'i' },
		{ "kernel", no_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	struct daemon d = { .instance = INSTANCE_DEFAULT };
	const char *netns = NULL;
	int opt;

	cli_name = "xgred";
	opterr = 0;
	while ((opt = getopt_long(argc, argv, "n:i:khV", options, NULL)) != -1) {
		switch (opt) {
		case 'n':
			netns = optarg;
			break;
		case 'i':
			d.instance = optarg;
			break;
		case 'k':
			d.kernel_only = true;
			break;
		case 'h':
			usage(stdout);
			return CLI_DONE;
		case 'V':
			cli_version();
			return CLI_DONE;
		default:
			return cli_usage_error("unknown option, or one without its value: %s",
					       argv[optind - 1]);
		}
	}
	if (optind < argc)
		return cli_usage_error("no argument is expected, not '%s'", argv[optind]);
	if (instance_check(d.instance))
		return cli_usage_error("'%s' is no instance; accepted: up to %d letters, digits, '-' "
				       "and '_'",
				       d.instance, INSTANCE_MAX);
	return run(&d, netns);
}
