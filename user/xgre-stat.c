// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* xgre-stat: the counters of a running instance, for people and programs. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "cli.h"
#include "netns.h"
#include "output.h"
#include "stats.h"

#define WATCH_MIN 0.001
#define WATCH_MAX 1000000.0

struct options {
	const char *netns;
	const char *instance;
	unsigned int parts;
	bool json;
	double watch; /* seconds; 0: once */
	bool help;
	bool version;
};

static const struct {
	const char *word;
	unsigned int parts;
} words[] = {
	{"tunnels", STATS_TUNNELS},
	{"routes", STATS_ROUTES},
	{"drops", STATS_REASONS},
	{"ports", STATS_PORTS},
	{"daemon", STATS_DAEMON},
};

static void help(void)
{
	puts("usage: xgre-stat [-n NETNS] [-i INSTANCE] [tunnels|routes|drops|ports|daemon]\n"
	     "                 [-j] [-w SECONDS]\n"
	     "\n"
	     "Shows the counters of a running instance; without a word, all of them.\n"
	     "\n"
	     "  tunnels              tunnels and their traffic\n"
	     "  routes               routed prefixes and their traffic\n"
	     "  drops                why packets were dropped or left the fast path\n"
	     "  ports                ports and how packets are taken from them\n"
	     "  daemon               whether xgred runs, and what it counted\n"
	     "\n"
	     "  -i, --instance NAME  the instance (default: " INSTANCE_DEFAULT ")\n"
	     "  -j, --json           JSON, one object on one line; errors too\n"
	     "  -n, --netns NETNS    in this network namespace: a name as in ip netns, or a path\n"
	     "  -w, --watch SECONDS  again and again at this interval, which may be a fraction\n"
	     "  -h, --help           this text\n"
	     "  -V, --version        the version\n"
	     "\n"
	     "Exit status: 0 done, 1 failed, 2 usage. See xgre-stat(8).");
}

static int read_watch(const char *text, double *ret)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !isfinite(seconds) || seconds < WATCH_MIN || seconds > WATCH_MAX)
		return cli_usage_error("-w %s: not a number of seconds, which is from 0.001 to "
				       "1000000",
				       text);
	*ret = seconds;
	return CLI_DONE;
}

static int read_word(const char *word, unsigned int *ret)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].word, word))
			continue;
		*ret = words[i].parts;
		return CLI_DONE;
	}
	return cli_usage_error("unknown word '%s'; it is tunnels, routes, drops, ports or "
			       "daemon", word);
}

static int bad_option(int found, char *const *argv)
{
	const char *arg = argv[optind - 1];

	if (found == ':')
		return cli_usage_error("option '%s' needs a value", arg);
	if (optopt && arg[0] == '-' && arg[1] != '-')
		return cli_usage_error("unknown option '-%c'", optopt);
	return cli_usage_error("unknown option '%s'", arg);
}

/* *ret is filled in as far as possible on an error as well: its form follows json. */
static int read_options(int argc, char **argv, struct options *ret)
{
	static const struct option longs[] = {
		{"instance", required_argument, NULL, 'i'},
		{"json", no_argument, NULL, 'j'},
		{"netns", required_argument, NULL, 'n'},
		{"watch", required_argument, NULL, 'w'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	const char *watch = NULL;
	int c, bad = CLI_DONE;

	while ((c = getopt_long(argc, argv, ":i:jn:w:hV", longs, NULL)) != -1) {
		switch (c) {
		case 'i':
			ret->instance = optarg;
			break;
		case 'j':
			ret->json = true;
			break;
		case 'n':
			ret->netns = optarg;
			break;
		case 'w':
			watch = optarg;
			break;
		case 'h':
			ret->help = true;
			break;
		case 'V':
			ret->version = true;
			break;
		default:
			if (!bad)
				bad = bad_option(c, argv);
		}
	}
	if (bad || ret->help || ret->version)
		return bad;
	if (argc - optind > 1)
		return cli_usage_error("one word at most, not '%s' and '%s'", argv[optind],
				       argv[optind + 1]);
	if (optind < argc)
		bad = read_word(argv[optind], &ret->parts);
	if (!bad && watch)
		bad = read_watch(watch, &ret->watch);
	if (!bad && instance_check(ret->instance))
		bad = cli_usage_error("'%s' cannot be an instance's name, which has 1 to %d "
				      "letters, digits, '_' or '-'",
				      ret->instance, INSTANCE_MAX);
	return bad;
}

/* Opened anew each time: the instance may have been taken down and made again. */
static int gather(const struct options *o, struct stats *ret)
{
	struct state *st;
	int err;

	err = state_open(o->instance, false, &st);
	if (err)
		return cli_state_error(o->instance, err);
	err = stats_gather(st, o->parts, ret);
	state_close(st);
	if (err == -EXDEV)
		return cli_state_error(o->instance, err);
	if (err) {
		cli_error("counters of instance '%s' cannot be read: %s", o->instance,
			  strerror(-err));
		return CLI_FAILED;
	}
	return CLI_DONE;
}

static int show(const struct options *o)
{
	struct stats s;
	int err;

	if (gather(o, &s))
		return CLI_FAILED;
	err = o->json ? output_json(&s, o->parts, stdout) : output_tables(&s, o->parts, stdout);
	stats_free(&s);
	if (!err)
		return CLI_DONE;
	cli_error("standard output cannot be written: %s", strerror(-err));
	return CLI_FAILED;
}

/* A reader that has seen enough is no error, whatever there is left to write. */
static void on_broken_pipe(int number)
{
	(void)number;
	_exit(CLI_DONE);
}

static void advance(struct timespec *t, double seconds)
{
	t->tv_sec += (time_t)seconds;
	t->tv_nsec += (long)((seconds - (double)(time_t)seconds) * 1e9);
	if (t->tv_nsec >= 1000000000) {
		t->tv_nsec -= 1000000000;
		t->tv_sec++;
	}
}

/* Wait until then; true where a signal of the set says to stop. */
static bool stopped_until(const struct timespec *then, const sigset_t *stop)
{
	struct timespec now, left;

	for (;;) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		left.tv_sec = then->tv_sec - now.tv_sec;
		left.tv_nsec = then->tv_nsec - now.tv_nsec;
		if (left.tv_nsec < 0) {
			left.tv_nsec += 1000000000;
			left.tv_sec--;
		}
		if (left.tv_sec < 0)
			left = (struct timespec){0};
		if (sigtimedwait(stop, NULL, &left) >= 0)
			return true;
		if (errno == EAGAIN)
			return false;
	}
}

static int watch(const struct options *o)
{
	struct timespec next, now;
	sigset_t stop;
	int status;

	/* Between two rounds only: an object or table is never left half written. */
	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (;;) {
		status = show(o);
		if (status)
			return status;
		advance(&next, o->watch);
		/* A round that took longer than the interval does not have others catch up. */
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > next.tv_sec ||
		    (now.tv_sec == next.tv_sec && now.tv_nsec > next.tv_nsec))
			next = now;
		if (stopped_until(&next, &stop))
			return CLI_DONE;
		if (!o->json)
			putchar('\n');
	}
}

static int run(const struct options *o)
{
	if (o->netns && netns_enter(o->netns))
		return CLI_FAILED;
	return o->watch > 0 ? watch(o) : show(o);
}

int main(int argc, char **argv)
{
	struct options o = {.instance = INSTANCE_DEFAULT, .parts = STATS_ALL};
	int status;

	cli_name = "xgre-stat";
	signal(SIGPIPE, on_broken_pipe);
	status = read_options(argc, argv, &o);
	if (status == CLI_DONE && o.help)
		help();
	else if (status == CLI_DONE && o.version)
		cli_version();
	else if (status == CLI_DONE)
		status = run(&o);
	if (status && o.json)
		output_json_error(cli_last_error(), stdout);
	return status;
}
