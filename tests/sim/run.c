/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plans: from seeds, and carried out. A child process runs them; what breaks it, or what it finds
 * broken, is written into memory that the parent reads. See run.h.
 */
#include "run.h"

#include <assert.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"

#define STEPS_LEAST 10
#define STEPS_MOST  120
#define RUN_CPU_S   5 /* a run takes about a millisecond: this one does not end */
#define EXIT_FOUND  77

struct outcome *outcome;

struct outcome *
outcome_new(void)
{
	void *p = mmap(NULL, sizeof(struct outcome), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert(p != MAP_FAILED);
	return (p);
}

void
sim_fail(struct sim *s, const char *oracle, const char *fmt, ...)
{
	va_list ap;

	(void)snprintf(outcome->oracle, sizeof(outcome->oracle), "%s", oracle);
	va_start(ap, fmt);
	(void)vsnprintf(outcome->text, sizeof(outcome->text), fmt, ap);
	va_end(ap);
	outcome->failed = true;
	outcome->step = s->step;
	if (s->trace)
		printf("\n");
	(void)fflush(stdout);
	_exit(EXIT_FOUND);
}

void
sim_say(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	if (!s->trace)
		return;
	printf(" ");
	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
}

static unsigned
pick_op(const struct sim_actor *a, struct prng *r)
{
	unsigned sum = 0, at;

	for (unsigned i = 0; i < a->nops; i++)
		sum += a->op[i].weight;
	at = prng_below(r, sum);
	for (unsigned i = 0;; i++) {
		if (at < a->op[i].weight)
			return (i);
		at -= a->op[i].weight;
	}
}

void
plan_of_seed(struct sim_plan *p, uint64_t seed, const struct sim_actor *only)
{
	struct prng r = { seed };
	unsigned nactors = 0;

	while (sim_actors[nactors] != NULL)
		nactors++;
	p->actor = only != NULL ? only : sim_actors[seed % nactors];
	p->how = (uint32_t)prng_next(&r);
	p->nsteps = prng_range(&r, STEPS_LEAST, STEPS_MOST);
	for (unsigned i = 0; i < p->nsteps; i++) {
		p->step[i].op = pick_op(p->actor, &r);
		p->step[i].number = (uint32_t)prng_next(&r);
	}
}

void
plan_run(const struct sim_plan *p, bool trace, uint64_t *counts)
{
	struct sim s = { .actor = p->actor, .trace = trace };
	struct prng r = { p->how };

	s.priv = calloc(1, p->actor->size);
	assert(s.priv != NULL);
	world_init(&s, &r);
	if (trace)
		printf("device %s\nhow %#x #", p->actor->name, p->how);
	p->actor->start(&s, &r);
	for (s.step = 0; s.step < p->nsteps; s.step++) {
		const struct sim_step *st = &p->step[s.step];

		r = (struct prng){ st->number };
		if (trace)
			printf("\n%-14s %#x #", p->actor->op[st->op].name, st->number);
		p->actor->op[st->op].run(&s, &r);
	}
	if (trace)
		printf("\n# the end:");
	p->actor->finish(&s);
	if (trace)
		printf("\n");
	world_fini(&s);
	free(s.priv);
	for (unsigned i = 0; i < SIM_COUNTS; i++)
		counts[i] += s.count[i];
}

static void
limit_run(unsigned seconds)
{
	const struct itimerval t = { .it_value.tv_sec = seconds };

	(void)setitimer(ITIMER_VIRTUAL, &t, NULL); /* SIGVTALRM kills */
}

static double
seconds_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((double)ts.tv_sec + (double)ts.tv_nsec / 1e9);
}

static unsigned
actor_place(const struct sim_actor *a)
{
	unsigned i = 0;

	while (sim_actors[i] != a)
		i++;
	return (i);
}

static void
run_batch(const struct batch *b, struct outcome *out)
{
	static struct sim_plan plan;
	double end = seconds_now() + b->seconds;

	for (uint64_t seed = b->first; seed <= b->last; seed += b->stride) {
		out->seed = seed;
		plan_of_seed(&plan, seed, b->only);
		if (out->runs % 64 == 0) {
			limit_run(RUN_CPU_S);
			if (b->seconds > 0 && seconds_now() > end)
				break;
		}
		plan_run(&plan, false, out->count);
		out->runs++;
		out->steps += plan.nsteps;
		out->actor_runs[actor_place(plan.actor)]++;
	}
}

/* In a child: no core files, no warnings about what the driver does wrong. */
static void
child_setup(struct outcome *out)
{
	const struct rlimit none = { 0, 0 };

	outcome = out;
	(void)setrlimit(RLIMIT_CORE, &none);
	log_open("sim", 2, LOG_LVL_ERR);
}

pid_t
batch_start(const struct batch *b, struct outcome *out)
{
	pid_t pid;

	(void)fflush(NULL);
	memset(out, 0, sizeof(*out));
	if ((pid = fork()) != 0)
		return (pid);
	child_setup(out);
	run_batch(b, out);
	(void)fflush(stdout);
	exit(0); /* with the leak checker, where there is one */
}

bool
child_end(pid_t pid, struct outcome *out)
{
	int st;

	if (waitpid(pid, &st, 0) != pid)
		return (false);
	if (WIFEXITED(st) && WEXITSTATUS(st) == 0)
		return (true);
	if (!out->failed) {
		bool hang = WIFSIGNALED(st) && WTERMSIG(st) == SIGVTALRM;

		out->failed = true;
		(void)snprintf(out->oracle, sizeof(out->oracle), "%s", hang ? "hang" : "crash");
		if (hang)
			(void)snprintf(out->text, sizeof(out->text), "it does not end");
		else if (WIFSIGNALED(st))
			(void)snprintf(
			    out->text, sizeof(out->text), "killed by %s", strsignal(WTERMSIG(st)));
		else
			(void)snprintf(out->text, sizeof(out->text),
			    "exit status %d (a sanitizer's words are above)", WEXITSTATUS(st));
	}
	return (false);
}

bool
plan_fails(const struct sim_plan *p, bool trace, struct outcome *out)
{
	pid_t pid;

	(void)fflush(NULL);
	memset(out, 0, sizeof(*out));
	if ((pid = fork()) == 0) {
		child_setup(out);
		if (!trace)
			(void)!freopen("/dev/null", "w", stderr);
		limit_run(RUN_CPU_S);
		plan_run(p, trace, out->count);
		(void)fflush(stdout);
		exit(0);
	}
	return (!child_end(pid, out));
}
