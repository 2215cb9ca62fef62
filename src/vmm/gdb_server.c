/* SPDX-License-Identifier: BSD-2-Clause */
/* GDB's remote serial protocol: see gdb_server.h. Pure; runs in zhyve's event loop. */
#include "vmm/gdb_server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/parse.h"
#include "vmm/gdb_regs.h"

#define ESCAPE    0x7d
#define INTERRUPT 0x03
/* A reply, framed; less is left: nothing more is read. */
#define OUT_ROOM (GDB_OUT_MAX)
#define MEM_MAX  (GDB_PACKET_MAX / 2 - 16)

static void
put_raw(struct gdb_server *g, const char *bytes, size_t n)
{
	if (n > sizeof(g->out) - g->out_len)
		return; /* cannot be: input stops while there is no room */
	memcpy(g->out + g->out_len, bytes, n);
	g->out_len += n;
}

/* Frame `n` bytes of reply, which hold none of # $ } * unescaped. */
static void
reply_bytes(struct gdb_server *g, const char *body, size_t n)
{
	uint8_t sum = 0;

	if (n > sizeof(g->last) - 4)
		n = sizeof(g->last) - 4;
	for (size_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + (uint8_t)body[i]);
	g->last[0] = '$';
	memmove(g->last + 1, body, n);
	g->last[n + 1] = '#';
	(void)gdb_hex_put(g->last + n + 2, &sum, 1);
	g->last_len = n + 4;
	put_raw(g, g->last, g->last_len);
}

static void
reply(struct gdb_server *g, const char *text)
{
	reply_bytes(g, text, strlen(text));
}

static void
reply_result(struct gdb_server *g, int rc)
{
	char text[8];

	if (rc == 0) {
		reply(g, "OK");
	} else if (rc == -ENOTSUP) {
		reply(g, "");
	} else {
		(void)snprintf(text, sizeof(text), "E%02x", -rc & 0xff);
		reply(g, text);
	}
}

/* Hexadecimal number; where it ends, or NULL when there is none or it is too long. */
static const char *
number(const char *s, uint64_t *out)
{
	const char *from = s;
	int d;

	for (*out = 0; (d = parse_hex_digit(*s)) >= 0; s++) {
		if (s - from >= 16)
			return (NULL);
		*out = *out << 4 | (unsigned)d;
	}
	return (s == from ? NULL : s);
}

/* "addr,len" and then `end`. */
static const char *
range(const char *s, uint64_t *addr, uint64_t *len, char end)
{
	if ((s = number(s, addr)) == NULL || *s++ != ',' || (s = number(s, len)) == NULL ||
	    *s != end)
		return (NULL);
	return (s + (end != '\0'));
}

/* A thread's number: 0 any (the vCPU that stopped), -1 all (-1). False: no such thread. */
static bool
thread(const struct gdb_server *g, const char *s, size_t len, int *cpu)
{
	const char *end;
	uint64_t n;

	if (len == 2 && s[0] == '-' && s[1] == '1') {
		*cpu = -1;
		return (true);
	}
	if ((end = number(s, &n)) == NULL || end != s + len || n > g->ncpus)
		return (false);
	*cpu = n == 0 ? (int)g->stopped : (int)(n - 1);
	return (true);
}

static void
reply_stop(struct gdb_server *g, const char *reason, uint64_t addr)
{
	char text[128], what[48] = "";

	if (reason != NULL && strcmp(reason, "swbreak") == 0 && g->swbreak)
		(void)snprintf(what, sizeof(what), "swbreak:;");
	else if (reason != NULL && strcmp(reason, "hwbreak") == 0 && g->hwbreak)
		(void)snprintf(what, sizeof(what), "hwbreak:;");
	else if (reason != NULL && strstr(reason, "watch") != NULL)
		(void)snprintf(what, sizeof(what), "%s:%llx;", reason, (unsigned long long)addr);
	(void)snprintf(
	    text, sizeof(text), "T%02xthread:%x;%s", (unsigned)g->signal, g->stopped + 1, what);
	reply(g, text);
}

static void
read_registers(struct gdb_server *g, const char *arg)
{
	char text[2 * sizeof(struct gdb_regs)];
	struct gdb_regs r = { 0 };
	uint64_t n = 0;
	size_t len = 0;
	int rc;

	if (arg != NULL && ((arg = number(arg, &n)) == NULL || *arg != '\0')) {
		reply_result(g, -EINVAL);
		return;
	}
	rc = g->ops.read_regs(g->ops.ctx, g->cpu, &r);
	if (rc == 0 && arg == NULL)
		len = gdb_regs_put(&r, text);
	else if (rc == 0)
		rc = gdb_reg_put(&r, (unsigned)MIN(n, (uint64_t)UINT16_MAX), text, &len);
	if (rc == 0)
		reply_bytes(g, text, len);
	else
		reply_result(g, rc);
}

/* "n=value", or all of them. */
static void
write_registers(struct gdb_server *g, const char *arg, bool one)
{
	struct gdb_regs r = { 0 };
	uint64_t n = 0;
	int rc = g->ops.read_regs(g->ops.ctx, g->cpu, &r);

	if (rc == 0 && one) {
		arg = number(arg, &n);
		if (arg == NULL || *arg != '=')
			rc = -EINVAL;
		else
			rc = gdb_reg_get(&r, (unsigned)MIN(n, (uint64_t)UINT16_MAX), arg + 1);
	} else if (rc == 0) {
		rc = gdb_regs_get(&r, arg);
	}
	if (rc == 0)
		rc = g->ops.write_regs(g->ops.ctx, g->cpu, &r);
	reply_result(g, rc);
}

static void
read_memory(struct gdb_server *g, const char *arg)
{
	uint8_t buf[MEM_MAX];
	char text[2 * MEM_MAX];
	uint64_t addr, len;
	int rc;

	if (range(arg, &addr, &len, '\0') == NULL || len > MEM_MAX) {
		reply_result(g, -EINVAL);
		return;
	}
	if (len != 0 && (rc = g->ops.read_mem(g->ops.ctx, g->cpu, addr, buf, len)) != 0)
		reply_result(g, rc);
	else
		reply_bytes(g, text, gdb_hex_put(text, buf, len));
}

/* M: hexadecimal; X: the bytes themselves. */
static void
write_memory(struct gdb_server *g, const char *arg, bool hex)
{
	uint8_t buf[GDB_PACKET_MAX];
	const char *data;
	uint64_t addr, len;
	size_t have;

	if ((data = range(arg, &addr, &len, ':')) == NULL) {
		reply_result(g, -EINVAL);
		return;
	}
	have = g->in_len - (size_t)(data - g->in);
	if (have != (hex ? 2 * len : len) || len > sizeof(buf) ||
	    (hex && !gdb_hex_get(data, buf, len))) {
		reply_result(g, -EINVAL);
		return;
	}
	if (!hex)
		memcpy(buf, data, len);
	reply_result(g, len == 0 ? 0 : g->ops.write_mem(g->ops.ctx, g->cpu, addr, buf, len));
}

/* "kind,addr,length", with conditions and commands behind that we do not understand. */
static void
set_breakpoint(struct gdb_server *g, const char *arg, bool insert)
{
	uint64_t kind, addr, len;

	if ((arg = number(arg, &kind)) == NULL || *arg++ != ',' ||
	    (range(arg, &addr, &len, '\0') == NULL && range(arg, &addr, &len, ';') == NULL))
		reply_result(g, -EINVAL);
	else if (kind > GDB_WATCH_ACCESS)
		reply(g, "");
	else
		reply_result(
		    g, g->ops.breakpoint(g->ops.ctx, (enum gdb_break)kind, addr, len, insert));
}

/* --- letting the machine run --- */

static void
go(struct gdb_server *g)
{
	g->running = true;
	g->ops.go(g->ops.ctx);
}

static void
all_to(struct gdb_server *g, enum gdb_action what)
{
	for (unsigned i = 0; i < g->ncpus; i++)
		g->ops.action(g->ops.ctx, i, what);
}

/* c and s, with an address that nobody sends any more; C and S with a signal that is not ours. */
static void
old_resume(struct gdb_server *g, bool step)
{
	all_to(g, step ? GDB_HOLD : GDB_CONTINUE);
	if (step)
		g->ops.action(g->ops.ctx, g->cpu, GDB_STEP);
	go(g);
}

struct wish {
	enum gdb_action what;
	int cpu; /* -1: all */
};

/* One action of vCont, "c:2". What comes after it, or NULL. */
static const char *
parse_wish(const struct gdb_server *g, const char *s, struct wish *w)
{
	char verb = *s++;
	size_t len;

	if (verb == 'C' || verb == 'S') { /* a signal for the thread: there are none */
		if (parse_hex_digit(s[0]) < 0 || parse_hex_digit(s[1]) < 0)
			return (NULL);
		s += 2;
	} else if (verb != 'c' && verb != 's') {
		return (NULL);
	}
	w->what = verb == 'c' || verb == 'C' ? GDB_CONTINUE : GDB_STEP;
	w->cpu = -1;
	if (*s == ':') {
		len = strcspn(++s, ";");
		if (!thread(g, s, len, &w->cpu))
			return (NULL);
		s += len;
	}
	return (*s == ';' || *s == '\0' ? s : NULL);
}

/* The leftmost action that names a thread counts, so they are applied from the right. */
static void
vcont(struct gdb_server *g, const char *s)
{
	struct wish wish[32];
	unsigned n = 0;

	for (; *s == ';'; n++) {
		if (n == NITEMS(wish) || (s = parse_wish(g, s + 1, &wish[n])) == NULL) {
			reply_result(g, -EINVAL);
			return;
		}
	}
	if (n == 0 || *s != '\0') {
		reply_result(g, -EINVAL);
		return;
	}
	all_to(g, GDB_HOLD);
	while (n-- > 0) {
		if (wish[n].cpu < 0)
			all_to(g, wish[n].what);
		else
			g->ops.action(g->ops.ctx, (unsigned)wish[n].cpu, wish[n].what);
	}
	go(g);
}

/* --- questions --- */

static bool
starts(const char *s, const char *with)
{
	return (strncmp(s, with, strlen(with)) == 0);
}

static void
supported(struct gdb_server *g, const char *theirs)
{
	char text[160];

	g->swbreak = strstr(theirs, "swbreak+") != NULL;
	g->hwbreak = strstr(theirs, "hwbreak+") != NULL;
	(void)snprintf(text, sizeof(text),
	    "PacketSize=%x;qXfer:features:read+;vContSupported+;QStartNoAckMode+;swbreak+;hwbreak+",
	    GDB_PACKET_MAX);
	reply(g, text);
}

/* qXfer:features:read:target.xml:offset,length */
static void
features(struct gdb_server *g, const char *s)
{
	uint64_t off, len;
	char text[GDB_PACKET_MAX];

	if (!starts(s, "target.xml:") || range(s + 11, &off, &len, '\0') == NULL) {
		reply(g, "E00");
		return;
	}
	off = MIN(off, (uint64_t)g->xml_len);
	len = MIN(len, MIN((uint64_t)g->xml_len - off, sizeof(text) - 1));
	text[0] = off + len == g->xml_len ? 'l' : 'm';
	memcpy(text + 1, g->xml + off, len);
	reply_bytes(g, text, len + 1);
}

static void
list_threads(struct gdb_server *g)
{
	char text[GDB_PACKET_MAX];
	size_t len = 0;

	if (g->listed == g->ncpus) {
		reply(g, "l");
		return;
	}
	while (g->listed < g->ncpus && len + 8 < sizeof(text)) {
		g->listed++;
		len += (size_t)snprintf(
		    text + len, sizeof(text) - len, "%c%x", len == 0 ? 'm' : ',', g->listed);
	}
	reply(g, text);
}

static void
thread_info(struct gdb_server *g, const char *s)
{
	char text[16], hex[2 * sizeof(text) + 1];
	int cpu;

	if (!thread(g, s, strlen(s), &cpu) || cpu < 0) {
		reply_result(g, -EINVAL);
		return;
	}
	(void)snprintf(text, sizeof(text), "vcpu%d", cpu);
	reply_bytes(g, hex, gdb_hex_put(hex, text, strlen(text)));
}

static void
query(struct gdb_server *g, const char *s)
{
	char text[16];

	if (starts(s, "qSupported")) {
		supported(g, s);
	} else if (starts(s, "qXfer:features:read:")) {
		features(g, s + 20);
	} else if (strcmp(s, "qfThreadInfo") == 0) {
		g->listed = 0;
		list_threads(g);
	} else if (strcmp(s, "qsThreadInfo") == 0) {
		list_threads(g);
	} else if (starts(s, "qThreadExtraInfo,")) {
		thread_info(g, s + 17);
	} else if (strcmp(s, "qC") == 0) {
		(void)snprintf(text, sizeof(text), "QC%x", g->cpu + 1);
		reply(g, text);
	} else if (strcmp(s, "qAttached") == 0) {
		reply(g, "1"); /* leaving detaches, and does not kill */
	} else {
		reply(g, "");
	}
}

static void
select_thread(struct gdb_server *g, const char *s)
{
	int cpu;

	if ((*s != 'g' && *s != 'c') || !thread(g, s + 1, strlen(s + 1), &cpu)) {
		reply_result(g, -EINVAL);
		return;
	}
	if (*s == 'g' && cpu >= 0)
		g->cpu = (unsigned)cpu;
	reply(g, "OK");
}

static void
verbose(struct gdb_server *g, const char *s)
{
	if (strcmp(s, "vCont?") == 0) {
		reply(g, "vCont;c;C;s;S");
	} else if (starts(s, "vCont;")) {
		vcont(g, s + 5);
	} else if (starts(s, "vKill")) {
		reply(g, "OK");
		g->ops.kill(g->ops.ctx);
	} else {
		reply(g, "");
	}
}

static void
packet(struct gdb_server *g)
{
	const char *s = g->in;
	int cpu;

	switch (s[0]) {
	case '?':
		reply_stop(g, NULL, 0);
		break;
	case 'g':
		read_registers(g, NULL);
		break;
	case 'p':
		read_registers(g, s + 1);
		break;
	case 'G':
	case 'P':
		write_registers(g, s + 1, s[0] == 'P');
		break;
	case 'm':
		read_memory(g, s + 1);
		break;
	case 'M':
	case 'X':
		write_memory(g, s + 1, s[0] == 'M');
		break;
	case 'Z':
	case 'z':
		set_breakpoint(g, s + 1, s[0] == 'Z');
		break;
	case 'c':
	case 'C':
	case 's':
	case 'S':
		old_resume(g, s[0] == 's' || s[0] == 'S');
		break;
	case 'H':
		select_thread(g, s + 1);
		break;
	case 'T':
		reply_result(g, thread(g, s + 1, strlen(s + 1), &cpu) ? 0 : -EINVAL);
		break;
	case 'q':
		query(g, s);
		break;
	case 'Q':
		reply(g, strcmp(s, "QStartNoAckMode") == 0 ? "OK" : "");
		g->no_ack |= strcmp(s, "QStartNoAckMode") == 0;
		break;
	case 'v':
		verbose(g, s);
		break;
	case 'D':
		reply(g, "OK");
		g->ops.detach(g->ops.ctx);
		break;
	case 'k':
		g->ops.kill(g->ops.ctx);
		break;
	default:
		reply(g, "");
	}
}

/* --- bytes --- */

static void
packet_end(struct gdb_server *g)
{
	bool good = g->sum == g->sum_sent && !g->in_over;

	g->state = GDB_IDLE;
	if (!g->no_ack)
		put_raw(g, good ? "+" : "-", 1);
	/* While the machine runs there is nothing to say to a debugger but how it stopped. */
	if (!good || g->running)
		return;
	g->in[g->in_len] = '\0';
	packet(g);
}

static void
idle_byte(struct gdb_server *g, uint8_t b)
{
	if (b == '$') {
		g->state = GDB_BODY;
		g->in_len = 0;
		g->sum = 0;
		g->in_over = false;
		g->escaped = false;
	} else if (b == INTERRUPT && g->running) {
		g->ops.interrupt(g->ops.ctx);
	} else if (b == '-' && !g->no_ack && !g->running) {
		put_raw(g, g->last, g->last_len);
	}
}

static void
body_byte(struct gdb_server *g, uint8_t b)
{
	if (b == '#') {
		g->state = GDB_SUM1;
		return;
	}
	if (b == '$') { /* begun anew */
		g->in_len = 0;
		g->sum = 0;
		g->in_over = g->escaped = false;
		return;
	}
	g->sum = (uint8_t)(g->sum + b);
	if (b == ESCAPE && !g->escaped) {
		g->escaped = true;
		return;
	}
	if (g->escaped)
		b ^= 0x20;
	g->escaped = false;
	if (g->in_len == GDB_PACKET_MAX)
		g->in_over = true;
	else
		g->in[g->in_len++] = (char)b;
}

static void
take(struct gdb_server *g, uint8_t b)
{
	int d = parse_hex_digit((char)b);

	switch (g->state) {
	case GDB_IDLE:
		idle_byte(g, b);
		break;
	case GDB_BODY:
		body_byte(g, b);
		break;
	case GDB_SUM1:
		g->sum_sent = (uint8_t)((unsigned)d << 4);
		g->in_over |= d < 0;
		g->state = GDB_SUM2;
		break;
	case GDB_SUM2:
		g->sum_sent |= (uint8_t)d;
		g->in_over |= d < 0;
		packet_end(g);
		break;
	}
}

size_t
gdb_server_input(struct gdb_server *g, const void *buf, size_t len)
{
	const uint8_t *b = buf;
	size_t n = 0;

	while (n < len && sizeof(g->out) - g->out_len > OUT_ROOM)
		take(g, b[n++]);
	return (n);
}

void
gdb_server_sent(struct gdb_server *g, size_t n)
{
	n = MIN(n, g->out_len);
	memmove(g->out, g->out + n, g->out_len - n);
	g->out_len -= n;
}

void
gdb_server_stopped(
    struct gdb_server *g, unsigned cpu, int signal, const char *reason, uint64_t addr)
{
	bool told = g->running;

	g->running = false;
	g->cpu = g->stopped = cpu < g->ncpus ? cpu : 0;
	g->signal = signal;
	if (told)
		reply_stop(g, reason, addr);
}

void
gdb_server_exited(struct gdb_server *g, unsigned status)
{
	char text[8];

	if (!g->running)
		return;
	g->running = false;
	(void)snprintf(text, sizeof(text), "W%02x", status & 0xff);
	reply(g, text);
}

void
gdb_server_init(struct gdb_server *g, const struct gdb_ops *ops, unsigned ncpus)
{
	memset(g, 0, sizeof(*g));
	g->ops = *ops;
	g->ncpus = ncpus;
	g->signal = GDB_SIGTRAP;
	g->xml_len = gdb_regs_xml(g->xml, sizeof(g->xml));
}
