/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zonecfg(8): edit the configuration of a zone. Its options, and the three ways in which
 * subcommands come: as arguments, as a script (file or standard input), from a person at the
 * prompt. A short program without a daemon; root for every change. It never touches a running zone
 * and refuses the global zone (the host is not its business).
 */
#include <editline/readline.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "cmd/zonecfg/zonecfg.h"

#define LINE_MAX_LEN 65536

static int
record(struct err *e, int errnum, const char *fmt, va_list ap)
{
	char text[ERR_TEXT_MAX];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	return (err_say(e, errnum, "%s", text));
}

int
zc_fail(struct err *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)record(e, EIO, fmt, ap);
	va_end(ap);
	return (CMD_ERROR);
}

int
zc_misuse(struct err *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)record(e, EINVAL, fmt, ap);
	va_end(ap);
	return (CMD_USAGE);
}

/*
 * Print a failure: "zonecfg: zone 'z1': line 3 of z1.cfg: text". That there is no such zone is said
 * as illumos says it, without all that.
 */
static void
report(const struct zc_session *z, const struct err *e)
{
	(void)fflush(stdout);
	if (e->errnum == ENOENT && strstr(e->text, ": No such zone configured") != NULL) {
		(void)fprintf(stderr, "%s\n", e->text);
		return;
	}
	(void)fprintf(stderr, "zonecfg: zone '%s': ", z->name);
	if (z->file != NULL && z->line == 0)
		(void)fprintf(stderr, "%s: ", z->file);
	else if (z->file != NULL && strcmp(z->file, "-") == 0)
		(void)fprintf(stderr, "line %u: ", z->line);
	else if (z->file != NULL)
		(void)fprintf(stderr, "line %u of %s: ", z->line, z->file);
	(void)fprintf(stderr, "%s\n", e->text);
}

bool
zc_ask(const struct zc_session *z, const char *fmt, ...)
{
	char question[256], *answer;
	va_list ap;
	bool yes;

	if (!z->tty)
		return (false);
	va_start(ap, fmt);
	(void)vsnprintf(question, sizeof(question), fmt, ap);
	va_end(ap);
	(void)strncat(question, " (y/[n])? ", sizeof(question) - strlen(question) - 1);
	answer = readline(question);
	yes = answer != NULL && (answer[0] == 'y' || answer[0] == 'Y');
	free(answer);
	return (yes);
}

/* All subcommands of a line, to the first that fails; that one is reported. */
static int
run_line(struct zc_session *z, const char *line)
{
	struct err e = { 0 };
	struct zc_tokens t;
	struct zc_stmt s;
	size_t at = 0;
	int status = CMD_OK;

	if (zc_lex(line, &t, &e) != 0)
		status = CMD_USAGE;
	while (status == CMD_OK && at < t.n && !z->leave) {
		if (zc_parse(&t, &at, &s, &e) != 0)
			status = CMD_USAGE;
		else
			status = zc_execute(z, &s, &e);
		zc_stmt_free(&s);
	}
	if (status != CMD_OK)
		report(z, &e);
	(void)fflush(stdout); /* who drives us through a pipe waits for the answer */
	zc_tokens_free(&t);
	return (status);
}

/* The end of a run that did not fail: what has been changed is committed. */
static int
finish(struct zc_session *z)
{
	struct err e = { 0 };
	int status;

	if (z->discard)
		return (CMD_OK);
	if (z->res != NULL)
		status = zc_fail(
		    &e, "the input ends inside resource '%s': nothing stored", z->res->name);
	else
		status = zc_commit(z, &e);
	if (status != CMD_OK)
		report(z, &e);
	return (status);
}

/*
 * The next line of a script, at most LINE_MAX_LEN bytes of it, into line. Its length with the
 * newline, LINE_MAX_LEN + 1 for what is longer or holds a null byte, 0 at the end or on an error of
 * f.
 */
static size_t
next_line(FILE *f, char line[LINE_MAX_LEN + 1])
{
	size_t n = 0;
	int c;

	while ((c = getc(f)) != EOF) {
		if (c == '\0' || n == LINE_MAX_LEN)
			return (LINE_MAX_LEN + 1);
		line[n++] = (char)c;
		if (c == '\n')
			break;
	}
	line[n] = '\0';
	return (n);
}

static int
run_stream(struct zc_session *z, FILE *f)
{
	struct err e = { 0 };
	char *line = cmd_alloc(LINE_MAX_LEN + 1, 1);
	size_t n;
	int status = CMD_OK;

	while (status == CMD_OK && !z->leave && (n = next_line(f, line)) > 0) {
		z->line++;
		if (n > LINE_MAX_LEN) {
			status = zc_misuse(&e, "not a line of text (too long, or a null byte)");
			report(z, &e);
		} else
			status = run_line(z, line);
	}
	free(line);
	if (status == CMD_OK && ferror(f)) {
		status = zc_fail(&e, "cannot read the script: %s", strerror(errno));
		report(z, &e);
	}
	return (status != CMD_OK ? status : finish(z));
}

static int
run_file(struct zc_session *z, const char *path)
{
	struct err e = { 0 };
	FILE *f;
	int status;

	if (strcmp(path, "-") == 0) {
		z->file = path;
		return (run_stream(z, stdin));
	}
	if ((f = fopen(path, "re")) == NULL) {
		status = zc_fail(&e, "cannot read '%s': %s", path, strerror(errno));
		report(z, &e);
		return (status);
	}
	z->file = path;
	status = run_stream(z, f);
	(void)fclose(f);
	return (status);
}

static int
run_arguments(struct zc_session *z, char **argv)
{
	size_t len = 1;
	char *line, *p;
	int status;

	for (char **a = argv; *a != NULL; a++)
		len += strlen(*a) + 1;
	p = line = cmd_alloc(len, 1);
	for (char **a = argv; *a != NULL; a++)
		p = stpcpy(stpcpy(p, a == argv ? "" : " "), *a);
	status = run_line(z, line);
	free(line);
	return (status != CMD_OK ? status : finish(z));
}

/* For libedit's callbacks, which take no argument: the prompt's session, and the word's place. */
static const struct zc_session *prompt_session;
static size_t prompt_start;

static char *
next_candidate(const char *text, int state)
{
	static unsigned n;

	n = state == 0 ? 0 : n + 1;
	return (zc_candidate(prompt_session, rl_line_buffer, prompt_start, text, n));
}

static char **
complete(const char *text, int start, int end)
{
	prompt_start = (size_t)start;
	rl_attempted_completion_over = 1; /* never the names of files */
	return (rl_completion_matches(text, next_candidate));
}

static int
run_prompt(struct zc_session *z)
{
	char prompt[ZONENAME_MAX + 64], *line;

	using_history();
	prompt_session = z;
	rl_attempted_completion_function = complete;
	if (z->work == NULL)
		(void)printf("%s: No such zone configured\n"
			     "Use 'create' to begin configuring a new zone.\n",
		    z->name);
	for (;;) {
		(void)snprintf(prompt, sizeof(prompt), "zonecfg:%s%s%s> ", z->name,
		    z->res != NULL ? ":" : "", z->res != NULL ? z->res->name : "");
		if ((line = readline(prompt)) == NULL) /* end of input: nobody to ask */
			return (finish(z));
		if (*line != '\0')
			(void)add_history(line);
		(void)run_line(z, line);
		free(line);
		if (!z->leave)
			continue;
		if (finish(z) == CMD_OK)
			return (CMD_OK);
		if (zc_ask(z, "Leave without storing it"))
			return (CMD_ERROR);
		z->leave = false;
	}
}

/* -z NAME or -u UUID to an open session. */
static int
open_zone(struct zc_session *z, const char *name, const char *uuid)
{
	struct err e = { 0 };
	struct zconf *c;
	int status;

	if (uuid != NULL) {
		if (zconf_load_uuid(uuid, &c, &e) != 0) {
			(void)fprintf(
			    stderr, "%s%s\n", e.errnum == ENOENT ? "" : "zonecfg: ", e.text);
			return (CMD_ERROR);
		}
		(void)strcpy(z->name, c->name); /* both of ZONENAME_MAX */
		zconf_free(c);
	} else if (strcmp(name, "global") == 0) {
		(void)fprintf(stderr,
		    "zonecfg: zone 'global': not supported here: the host is not configured with "
		    "zonecfg\n");
		return (CMD_ERROR);
	} else if (zconf_name_check(name, &e) != 0) {
		(void)fprintf(stderr, "zonecfg: %s\n", e.text);
		return (CMD_ERROR);
	} else
		(void)strcpy(z->name, name); /* its length has been checked */
	if ((status = zc_open(z, &e)) != CMD_OK)
		report(z, &e);
	return (status);
}

static int
usage_error(void)
{
	zc_print_usage(stderr);
	return (CMD_USAGE);
}

static int
run_help(const char *topic)
{
	struct err e = { 0 };
	int status = zc_print_help(stdout, topic, &e);

	if (status != CMD_OK)
		(void)fprintf(stderr, "zonecfg: %s\n", e.text);
	return (status);
}

static int
run(struct zc_session *z, const char *file, char **argv)
{
	if (file != NULL)
		return (run_file(z, file));
	if (*argv != NULL)
		return (run_arguments(z, argv));
	if (z->tty)
		return (run_prompt(z));
	return (run_file(z, "-"));
}

int
main(int argc, char **argv)
{
	const char *name = NULL, *uuid = NULL, *file = NULL;
	struct zc_session z = { .tty = isatty(STDIN_FILENO) != 0 };
	int opt, status;

	fd_std_hold();
	while ((opt = getopt(argc, argv, "+z:u:f:h?")) != -1) {
		switch (opt) {
		case 'z':
			name = optarg;
			break;
		case 'u':
			uuid = optarg;
			break;
		case 'f':
			file = optarg;
			break;
		case 'h':
			zc_print_usage(stdout);
			return (CMD_OK);
		default:
			return (usage_error());
		}
	}
	argv += optind;
	argc -= optind;
	if (name == NULL && uuid == NULL && file == NULL && argc >= 1 && argc <= 2 &&
	    strcmp(argv[0], "help") == 0)
		return (run_help(argv[1]));
	if ((name == NULL) == (uuid == NULL) || (file != NULL && argc > 0))
		return (usage_error());
	status = open_zone(&z, name, uuid);
	if (status == CMD_OK)
		status = run(&z, file, argv);
	zc_close(&z);
	if ((fflush(stdout) != 0 || ferror(stdout)) && status == CMD_OK) {
		(void)fprintf(stderr, "zonecfg: cannot write the output: %s\n", strerror(errno));
		status = CMD_ERROR;
	}
	return (status);
}
