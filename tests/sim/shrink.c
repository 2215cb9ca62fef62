/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plans made short, and as text. A plan without some of its steps is a plan, whatever they were, so
 * delta debugging needs to know nothing about them. See run.h.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "run.h"

#define SHRINK_RUNS_MAX 2000

/* Is it the same thing that goes wrong? */
static bool
same(const struct sim_plan *p, const char *oracle, struct outcome *out)
{
	return (plan_fails(p, false, out) && strcmp(out->oracle, oracle) == 0);
}

/* `from` without the steps [at, at + n). */
static void
without(struct sim_plan *to, const struct sim_plan *from, unsigned at, unsigned n)
{
	*to = *from;
	memmove(&to->step[at], &from->step[at + n], (from->nsteps - at - n) * sizeof(*to->step));
	to->nsteps -= n;
}

unsigned
plan_shrink(struct sim_plan *p, struct outcome *out)
{
	static struct sim_plan shorter;
	char oracle[sizeof(out->oracle)];
	unsigned runs = 0;

	memcpy(oracle, out->oracle, sizeof(oracle));
	/* Steps after the one that showed it are of no use, unless only the end did. */
	if (out->step + 1 < p->nsteps) {
		without(&shorter, p, out->step + 1, p->nsteps - out->step - 1);
		runs++;
		if (same(&shorter, oracle, out))
			*p = shorter;
	}
	for (unsigned n = MAX(p->nsteps / 2, 1u); n > 0; n = n > 1 ? n / 2 : 0) {
		bool again = true;

		while (again && runs < SHRINK_RUNS_MAX) {
			again = false;
			for (unsigned at = 0; at + n <= p->nsteps && runs < SHRINK_RUNS_MAX;) {
				without(&shorter, p, at, n);
				runs++;
				if (same(&shorter, oracle, out)) {
					*p = shorter;
					again = n == 1;
				} else {
					at += n;
				}
			}
		}
	}
	(void)plan_fails(p, false, out);
	return (runs);
}

void
plan_print(const struct sim_plan *p)
{
	printf("device %s\nhow %#x\n", p->actor->name, p->how);
	for (unsigned i = 0; i < p->nsteps; i++)
		printf("%-14s %#x\n", p->actor->op[p->step[i].op].name, p->step[i].number);
}

const struct sim_actor *
actor_by_name(const char *name)
{
	for (unsigned i = 0; sim_actors[i] != NULL; i++)
		if (strcmp(sim_actors[i]->name, name) == 0)
			return (sim_actors[i]);
	return (NULL);
}

/* One line of a plan; false when it makes no sense. */
static bool
read_line(struct sim_plan *p, char *line)
{
	char *word, *rest, *end;
	unsigned long number;

	line[strcspn(line, "#\n")] = '\0';
	if ((word = strtok_r(line, " \t", &rest)) == NULL)
		return (true);
	if (strcmp(word, "device") == 0) {
		word = strtok_r(NULL, " \t", &rest);
		return (word != NULL && (p->actor = actor_by_name(word)) != NULL);
	}
	end = strtok_r(NULL, " \t", &rest);
	if (p->actor == NULL || end == NULL)
		return (false);
	number = strtoul(end, &end, 0);
	if (*end != '\0' || number > UINT32_MAX)
		return (false);
	if (strcmp(word, "how") == 0) {
		p->how = (uint32_t)number;
		return (true);
	}
	for (unsigned i = 0; i < p->actor->nops && p->nsteps < SIM_STEPS_MAX; i++)
		if (strcmp(p->actor->op[i].name, word) == 0) {
			p->step[p->nsteps++] = (struct sim_step){ i, (uint32_t)number };
			return (true);
		}
	return (false);
}

int
plan_read(struct sim_plan *p, const char *path)
{
	FILE *f = fopen(path, "re");
	char line[512];
	unsigned n = 0;
	int rc = 0;

	if (f == NULL) {
		fprintf(stderr, "sim: %s: %s\n", path, strerror(errno));
		return (-1);
	}
	*p = (struct sim_plan){ 0 };
	while (rc == 0 && fgets(line, sizeof(line), f) != NULL) {
		n++;
		if (!read_line(p, line)) {
			fprintf(stderr,
			    "sim: %s: line %u is not of a plan (see docs/simulator.md)\n", path, n);
			rc = -1;
		}
	}
	(void)fclose(f);
	if (rc == 0 && p->actor == NULL) {
		fprintf(stderr, "sim: %s: no device is named\n", path);
		rc = -1;
	}
	return (rc);
}
