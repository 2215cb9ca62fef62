/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What zhyve's end means: of its wait status, what it said before, and what the kernel says of limits and filters,
 * one event, one word and one text for people. Runs in zoneadmd.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/checked.h"
#include "zone/cgroup.h"
#include "zone/paths.h"
#include "zone/zoneadmd.h"

/* What an exit means: the event, the word for lastexited, and a text for people. */
void
vm_judge(const struct zoneadmd *z, int status, enum vm_phase reached, const char **event,
    const char **word, struct err *e)
{
	static const struct {
		const char *event, *word, *text;
	} by_code[] = {
		[WIRE_STOP_RESET] = { "guest-reset", "reset", "the guest reset itself" },
		[WIRE_STOP_POWEROFF] = { "guest-poweroff", "power-off", "the guest powered off" },
		[WIRE_STOP_HALT] = { "guest-halt", "halt", "the guest halted" },
		[WIRE_STOP_TRIPLE_FAULT] = { "triple-fault", "triple-fault",
		    "the guest's CPU shut down (triple fault)" },
		[WIRE_STOP_ERROR] = { "vmm-error", "error", "zhyve failed" },
	};
	const char *said = z->vm.text;
	struct cgroup_hits hits;
	char log[PATH_MAX];
	unsigned code = WIFEXITED(status) ? (unsigned)WEXITSTATUS(status) : WIRE_STOP_ERROR;

	if (reached == VM_KILLED) { /* by us, for what it did or did not do */
		*event = "vmm-crash";
		*word = "crash";
		(void)err_say(e, EIO, "zhyve had to be killed: %s", said);
		return;
	}
	cgroup_hits(z->res.cgroup, &hits);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && hits.oom_kill > 0) {
		*event = "vmm-crash";
		*word = "crash";
		(void)err_say(e, EIO, "zhyve was killed by the kernel: %s",
		    hits.oom > 0 ? "the zone's memory cap was reached (raise "
				   "zone.max-physical-memory)"
				 : "the host is out of memory");
		return;
	}
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) {
		*event = "vmm-killed";
		*word = "filter";
		(void)err_say(e, EIO,
		    "zhyve was killed by its system-call filter: it did what it never does (the "
		    "event "
		    "filter-kill, or the kernel's log, says which call it was)");
		return;
	}
	if (WIFSIGNALED(status)) {
		*event = "vmm-crash";
		*word = "crash";
		(void)err_say(e, EIO, "zhyve was killed by signal %d (%s)%s%s", WTERMSIG(status),
		    strsignal(WTERMSIG(status)), said[0] != '\0' ? ": " : "", said);
		return;
	}
	if (code >= NITEMS(by_code) || (reached != VM_RUNNING && reached != VM_STOPPED))
		code = WIRE_STOP_ERROR; /* it never ran, so nothing the guest did */
	*event = by_code[code].event;
	*word = by_code[code].word;
	if (z->vm.told && z->vm.stop == WIRE_STOP_PANIC && code == WIRE_STOP_HALT) {
		*event = "guest-panic";
		*word = "panic";
		(void)err_say(e, EIO, "the guest panicked%s%s", said[0] != '\0' ? ": " : "", said);
	} else if (code == WIRE_STOP_ERROR && said[0] == '\0') {
		(void)err_say(e, EIO, "zhyve ended with status %d; see %s", WEXITSTATUS(status),
		    path_zones(log, "%s/logs/platform.log", z->name));
	} else {
		(void)err_say(
		    e, EIO, "%s%s%s", by_code[code].text, said[0] != '\0' ? ": " : "", said);
	}
}
