/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim: drive the device models by seeds, and say what is wrong with them. See sim.h and
 * docs/simulator.md; no root, no KVM.
 */
#include <ctype.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "run.h"

#define JOBS_MAX 64

static const char usage_text[] =
    "usage: sim [-v] SEED                  one run by its number\n"
    "       sim --steps FILE               a list of steps, as a failure is printed\n"
    "       sim --runs N [--first SEED]    so many runs\n"
    "       sim --seconds N [--first SEED] as many runs as fit\n"
    "       sim --list                     the devices\n"
    "\n"
    "  --device NAME  this device only      --jobs N     processes (1)\n"
    "  --quick        do not shrink, print one line: oracle, seed, seconds\n"
    "  -v             say what each step does\n"
    "\n"
    "The exit status is 1 when an oracle was broken; the shortest list of steps is printed.\n";

struct options {
	const struct sim_actor *only;
	const char *steps;
	uint64_t first, runs;
	double seconds;
	unsigned jobs;
	bool verbose, quick, seed_given;
};

static void
usage(void)
{
	fputs(usage_text, stderr);
	exit(2);
}

static uint64_t
number(const char *text)
{
	char *end;
	unsigned long long v = strtoull(text, &end, 0);

	if (!isdigit((unsigned char)text[0]) || *end != '\0') {
		fprintf(stderr, "sim: %s: not a number\n", text);
		exit(2);
	}
	return (v);
}

static void
list(void)
{
	for (unsigned i = 0; sim_actors[i] != NULL; i++)
		printf("%s\n", sim_actors[i]->name);
	exit(0);
}

static void
parse(struct options *o, int argc, char **argv)
{
	enum {
		STEPS = 256,
		RUNS,
		SECONDS,
		FIRST,
		DEVICE,
		JOBS,
		QUICK,
		LIST
	};
	static const struct option longs[] = {
		{ "steps", required_argument, NULL, STEPS },
		{ "runs", required_argument, NULL, RUNS },
		{ "seconds", required_argument, NULL, SECONDS },
		{ "first", required_argument, NULL, FIRST },
		{ "device", required_argument, NULL, DEVICE },
		{ "jobs", required_argument, NULL, JOBS },
		{ "quick", no_argument, NULL, QUICK },
		{ "list", no_argument, NULL, LIST },
		{ 0 },
	};
	int c;

	*o = (struct options){ .jobs = 1, .first = 1 };
	while ((c = getopt_long(argc, argv, "v", longs, NULL)) != -1) {
		switch (c) {
		case 'v':
			o->verbose = true;
			break;
		case STEPS:
			o->steps = optarg;
			break;
		case RUNS:
			o->runs = number(optarg);
			break;
		case SECONDS:
			o->seconds = (double)number(optarg);
			break;
		case FIRST:
			o->first = number(optarg);
			break;
		case DEVICE:
			if ((o->only = actor_by_name(optarg)) == NULL) {
				fprintf(stderr, "sim: %s: no such device (sim --list)\n", optarg);
				exit(2);
			}
			break;
		case JOBS:
			o->jobs = (unsigned)MIN(number(optarg), (uint64_t)JOBS_MAX);
			break;
		case QUICK:
			o->quick = true;
			break;
		case LIST:
			list();
			break;
		default:
			usage();
		}
	}
	if (optind < argc) {
		o->first = number(argv[optind++]);
		o->runs = 1;
		o->seed_given = true;
	}
	if (optind != argc || o->jobs == 0 || (o->runs == 0 && o->seconds <= 0 && o->steps == NULL))
		usage();
}

static double
seconds_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((double)ts.tv_sec + (double)ts.tv_nsec / 1e9);
}

/* Shrink what failed and show it. */
static void
explain(struct sim_plan *p, struct outcome *out)
{
	unsigned before = p->nsteps, runs;

	printf("# %s: %s\n", out->oracle, out->text);
	if (!plan_fails(p, false, out)) {
		printf("# and yet this run alone does not fail: the device keeps something from "
		       "run to run\n");
		return;
	}
	runs = plan_shrink(p, out);
	printf("# %u steps, of which %u are needed (found by %u runs); for sim --steps FILE:\n",
	    before, p->nsteps, runs);
	(void)plan_fails(p, true, out);
	printf("# %s: %s\n", out->oracle, out->text);
}

static int
run_steps(const struct options *o)
{
	static struct sim_plan plan;
	struct outcome *out = outcome_new();

	if (o->steps != NULL) {
		if (plan_read(&plan, o->steps) < 0)
			return (2);
	} else {
		plan_of_seed(&plan, o->first, o->only);
	}
	if (!plan_fails(&plan, o->verbose || o->steps != NULL, out)) {
		printf("# it does what it should: %u steps, %llu requests given back\n",
		    plan.nsteps, (unsigned long long)out->count[SIM_REQUESTS]);
		return (0);
	}
	if (o->verbose || o->steps != NULL)
		printf("# step %u: %s: %s\n", out->step, out->oracle, out->text);
	else
		explain(&plan, out);
	return (1);
}

static void
print_sums(const struct options *o, struct outcome *const *out, double took)
{
	uint64_t runs = 0, steps = 0, count[SIM_COUNTS] = { 0 }, each;

	for (unsigned j = 0; j < o->jobs; j++) {
		runs += out[j]->runs;
		steps += out[j]->steps;
		for (unsigned i = 0; i < SIM_COUNTS; i++)
			count[i] += out[j]->count[i];
	}
	for (unsigned i = 0; sim_actors[i] != NULL; i++) {
		each = 0;
		for (unsigned j = 0; j < o->jobs; j++)
			each += out[j]->actor_runs[i];
		if (each > 0)
			printf("ok - sim %s: %llu runs\n", sim_actors[i]->name,
			    (unsigned long long)each);
	}
	printf("# %llu runs, %llu steps in %.1f s: %.0f runs a second; %llu requests given back, "
	       "%llu interrupts, %llu broken rules found, %llu resets\n",
	    (unsigned long long)runs, (unsigned long long)steps, took, (double)runs / took,
	    (unsigned long long)count[SIM_REQUESTS], (unsigned long long)count[SIM_INTERRUPTS],
	    (unsigned long long)count[SIM_BREACHES], (unsigned long long)count[SIM_RESETS]);
}

static int
run_many(const struct options *o)
{
	struct outcome *out[JOBS_MAX], *bad = NULL;
	double start = seconds_now(), took;
	struct sim_plan plan;
	pid_t pid[JOBS_MAX];

	for (unsigned j = 0; j < o->jobs; j++) {
		const struct batch b = { .first = o->first + j,
			.stride = o->jobs,
			.last = o->runs == 0 ? UINT64_MAX - o->jobs : o->first + o->runs - 1,
			.seconds = o->seconds,
			.only = o->only };

		out[j] = outcome_new();
		if ((pid[j] = batch_start(&b, out[j])) < 0) {
			perror("sim: fork");
			return (2);
		}
	}
	for (unsigned j = 0; j < o->jobs; j++)
		if (!child_end(pid[j], out[j]) && (bad == NULL || out[j]->seed < bad->seed))
			bad = out[j];
	took = seconds_now() - start;
	if (bad == NULL) {
		print_sums(o, out, took);
		return (0);
	}
	plan_of_seed(&plan, bad->seed, o->only);
	printf("not ok - sim %s: %s, seed %llu, after %llu runs in %.2f s\n", plan.actor->name,
	    bad->oracle, (unsigned long long)bad->seed, (unsigned long long)bad->runs + 1, took);
	if (!o->quick)
		explain(&plan, bad);
	return (1);
}

int
main(int argc, char **argv)
{
	struct options o;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	parse(&o, argc, argv);
	return (o.steps != NULL || o.seed_given ? run_steps(&o) : run_many(&o));
}
