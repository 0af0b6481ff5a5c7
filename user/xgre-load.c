// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* xgre-load: puts a configuration to work, changes it, shows it and takes it down. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "apply.h"
#include "cli.h"
#include "config.h"
#include "import.h"
#include "netns.h"
#include "preflight.h"
#include "route-file.h"
#include "state.h"

struct context {
	const char *instance;
	const char *config;
	bool dry_run;
	bool prune;
};

static int status(int err)
{
	return err ? CLI_FAILED : CLI_DONE;
}

/* Read the configuration; on failure every error in it is printed. */
static int read_config(const struct context *c, struct model *ret)
{
	struct config_errors errors = {};
	int err = config_read(c->config, ret, &errors);

	if (err == -EINVAL)
		config_errors_print(&errors, c->config, stderr);
	else if (err)
		cli_error("%s: %s", c->config, strerror(-err));
	config_errors_free(&errors);
	return err;
}

static int cmd_apply(const struct context *c)
{
	const struct apply_options o = {
		.instance = c->instance,
		.file = c->config,
		.dry_run = c->dry_run,
		.prune = c->prune,
		.out = stdout,
	};
	struct model m;
	int err;

	if (read_config(c, &m))
		return CLI_USAGE;
	err = apply(&o, &m);
	model_free(&m);
	return status(err);
}

static int cmd_check(const struct context *c)
{
	struct model m;

	if (read_config(c, &m))
		return CLI_USAGE;
	printf("%s: no errors; %zu ports, %zu tunnels, %zu routes\n", c->config, m.nports, m.ntunnels,
	       m.nroutes);
	model_free(&m);
	return CLI_DONE;
}

static int cmd_show(const struct context *c)
{
	struct model m;
	int err = running_model(c->instance, &m);

	if (err)
		return CLI_FAILED;
	err = config_write(&m, true, stdout);
	model_free(&m);
	return status(err);
}

static int cmd_import(const struct context *c)
{
	(void)c;
	return status(import_print(stdout, stderr));
}

static int cmd_unload(const struct context *c)
{
	return status(unload(c->instance, stdout));
}

static int cmd_preflight(const struct context *c)
{
	size_t findings = 0;
	struct model m;
	int err;

	if (read_config(c, &m))
		return CLI_USAGE;
	err = preflight_run(&m, stdout, &findings);
	if (err)
		cli_error("preflight: %s", strerror(-err));
	model_free(&m);
	return err || findings ? CLI_FAILED : CLI_DONE;
}

static int route_load(const struct context *c, const char *path)
{
	struct route_file f;
	int err = route_file_read(path, &f);

	if (!err)
		err = route_change(c->instance, path, ROUTE_REPLACE, f.routes, f.nroutes, f.names);
	else
		return err == -EINVAL ? CLI_USAGE : CLI_FAILED;
	if (!err)
		printf("%zu routes loaded\n", f.nroutes);
	route_file_free(&f);
	return status(err);
}

static int cmd_route(const struct context *c, int argc, char **argv)
{
	static const struct {
		const char *word;
		enum route_command command;
	} commands[] = {
		{ "add", ROUTE_ADD }, { "replace", ROUTE_REPLACE }, { "del", ROUTE_DEL }
	};
	struct route route = { .origin = XGRE_ORIGIN_RUNTIME };
	char *name;

	if (argc == 2 && !strcmp(argv[0], "load"))
		return route_load(c, argv[1]);
	for (size_t i = 0; argc == 4 && i < sizeof(commands) / sizeof(*commands); i++) {
		struct prefix masked;

		if (strcmp(argv[0], commands[i].word))
			continue;
		if (strcmp(argv[2], "dev"))
			break;
		if (prefix_parse(argv[1], &route.to))
			return cli_usage_error("'%s' is no prefix; accepted: 10.0.0.0/8, 2001:db8::/32",
					       argv[1]);
		masked = route.to;
		if (prefix_mask(&masked)) {
			char text[PREFIX_STRLEN];

			return cli_usage_error("prefix %s has host bits set; %s is meant", argv[1],
					       prefix_text(&masked, text));
		}
		name = argv[3];
		return status(route_change(c->instance, NULL, commands[i].command, &route, 1, &name));
	}
	return cli_usage_error("route wants add|replace|del PREFIX dev TUNNEL, or load FILE");
}

static const struct command {
	const char *word;
	int (*run)(const struct context *c);
	const char *options; /* that it takes, of c (--config), d (--dry-run), p (--prune) */
	const char *help;
} commands[] = {
	{ "apply", cmd_apply, "cdp", "make the running state equal to the file" },
	{ "check", cmd_check, "c", "look for errors in the file, without privilege" },
	{ "show", cmd_show, "", "print the running configuration as YAML" },
	{ "import", cmd_import, "", "print a file for the kernel's own GRE tunnels" },
	{ "unload", cmd_unload, "", "remove everything that apply made" },
	{ "preflight", cmd_preflight, "c", "what stands in the way on this host" },
};

static void usage(FILE *out)
{
	fprintf(out, "usage: xgre-load [-n NETNS] [-i INSTANCE] COMMAND\n\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		char words[64];

		snprintf(words, sizeof(words), "%s%s%s%s", commands[i].word,
			 strchr(commands[i].options, 'c') ? " [-c FILE]" : "",
			 strchr(commands[i].options, 'd') ? " [--dry-run]" : "",
			 strchr(commands[i].options, 'p') ? " [--prune]" : "");
		fprintf(out, "  %-40s %s\n", words, commands[i].help);
	}
	fprintf(out,
		"  %-40s change a route at run time\n"
		"  %-40s the same for a file with PREFIX TUNNEL a line\n\n"
		"  -n NETNS      network namespace, a name as in ip netns, or a path\n"
		"  -i INSTANCE   which of several on this machine (default: " INSTANCE_DEFAULT ")\n"
		"  -c FILE       configuration (default: " CONFIG_DEFAULT_PATH "), - for standard input\n"
		"  --dry-run     say what apply would change, change nothing\n"
		"  --prune       let apply remove routes added at run time, too\n"
		"  --help, --version\n\n"
		"Exit status: 0 done, 1 failed and nothing changed, 2 usage or configuration.\n",
		"route add|replace|del PREFIX dev TUNNEL", "route load FILE");
}

static const struct option options[] = {
	{ "netns", required_argument, NULL, 'n' }, { "instance", required_argument, NULL, 'i' },
	{ "config", required_argument, NULL, 'c' }, { "dry-run", no_argument, NULL, 'd' },
	{ "prune", no_argument, NULL, 'p' },	    { "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },	    {},
};

static int run_command(const struct context *c, const char *given, int argc, char **argv)
{
	if (!strcmp(argv[0], "route")) {
		if (*given)
			return cli_usage_error("route does not take -c, --dry-run or --prune");
		return cmd_route(c, argc - 1, argv + 1);
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (strcmp(argv[0], commands[i].word))
			continue;
		if (argc > 1)
			return cli_usage_error("%s takes no '%s'", argv[0], argv[1]);
		if (strspn(given, commands[i].options) != strlen(given))
			return cli_usage_error("%s does not take %s", argv[0],
					       strchr(given, 'd') ? "--dry-run" :
					       strchr(given, 'p') ? "--prune" :
								    "-c");
		return commands[i].run(c);
	}
	return cli_usage_error("no command '%s'", argv[0]);
}

int main(int argc, char **argv)
{
	struct context c = { .instance = INSTANCE_DEFAULT, .config = CONFIG_DEFAULT_PATH };
	const char *netns = NULL;
	char given[4] = "";
	int opt;

	cli_name = "xgre-load";
	opterr = 0;
	while ((opt = getopt_long(argc, argv, "n:i:c:hV", options, NULL)) != -1) {
		if (strchr("cdp", opt) && !strchr(given, opt))
			given[strlen(given)] = opt;
		switch (opt) {
		case 'n':
			netns = optarg;
			break;
		case 'i':
			c.instance = optarg;
			break;
		case 'c':
			c.config = optarg;
			break;
		case 'd':
			c.dry_run = true;
			break;
		case 'p':
			c.prune = true;
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
	if (optind == argc) {
		usage(stderr);
		return CLI_USAGE;
	}
	if (instance_check(c.instance))
		return cli_usage_error("'%s' is no instance; accepted: up to %d letters, digits, '-' "
				       "and '_'",
				       c.instance, INSTANCE_MAX);
	if (netns && netns_enter(netns))
		return CLI_FAILED;
	return run_command(&c, given, argc - optind, argv + optind);
}
