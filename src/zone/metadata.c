/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's metadata protocol as a machine: bytes in, lines judged one by one, one answer out
 * per request. There is no session: a line whose first word is "V2" is a frame, any other is
 * version 1, at any time (a guest may reboot between two lines). Runs in zoneadmd with a
 * hostile guest on the other end: a line is bounded, what is not a request is dropped or
 * refused, nothing in it is ever a format, a path or a length that is believed.
 */
#include "zone/metadata.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/parse.h"
#include "zone/codec.h"
#include "zone/metadata_source.h"

struct metadata {
	struct metadata_source src;
	void (*out)(void *arg, const void *buf, size_t len);
	void *arg;
	size_t len;    /* bytes of the line so far */
	bool too_long; /* the line has been given up: skip to its end */
	bool terminal; /* a firmware's console is on the other end */
	char line[METADATA_LINE_MAX + 1];
};

/* An answer, of either version. body NULL or "": none. */
struct answer {
	const char *code;
	const char *body;
};

int
metadata_create_from(const struct metadata_source *src,
    void (*out)(void *arg, const void *buf, size_t len), void *arg, struct metadata **md,
    struct err *e)
{
	struct metadata *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return (err_set(e, ENOMEM, "cannot start the metadata service"));
	m->src = *src;
	m->out = out;
	m->arg = arg;
	*md = m;
	return (0);
}

void
metadata_destroy(struct metadata *md)
{
	if (md == NULL)
		return;
	if (md->src.destroy != NULL)
		md->src.destroy(md->src.arg);
	free(md);
}

void
metadata_reset(struct metadata *md)
{
	md->len = 0;
	md->too_long = false;
}

static bool
is_blank(char c)
{
	return (c == ' ' || (c >= '\t' && c <= '\r'));
}

/* Cut blanks off both ends, in place. */
static char *
trim(char *s)
{
	size_t n;

	while (is_blank(*s))
		s++;
	for (n = strlen(s); n > 0 && is_blank(s[n - 1]); n--)
		;
	s[n] = '\0';
	return (s);
}

/* Split off the first word, in place; returns the rest, trimmed ("" when there is none). */
static char *
rest_of(char *s)
{
	while (*s != '\0' && !is_blank(*s))
		s++;
	if (*s == '\0')
		return (s);
	*s++ = '\0';
	return (trim(s));
}

/* Keys go into JSON look-ups and messages: text without control characters only. */
static bool
key_ok(const char *key)
{
	for (const char *p = key; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return (false);
	return (*key != '\0');
}

/* ---- version 1 ---- */

static void
say(struct metadata *md, const char *text)
{
	md->out(md->arg, text, strlen(text));
}

/*
 * "SUCCESS", the value with every line that begins with a dot getting one more, a line with
 * only a dot.
 */
static void
v1_success(struct metadata *md, const char *value)
{
	size_t len = strlen(value), n = 0;
	char *buf = malloc(sizeof("SUCCESS\n\n.\n") + 2 * len);

	if (buf == NULL) {
		say(md, "FAILURE\n");
		return;
	}
	n = (size_t)sprintf(buf, "SUCCESS\n");
	for (size_t i = 0; i < len; i++) {
		if (value[i] == '.' && (i == 0 || value[i - 1] == '\n'))
			buf[n++] = '.';
		buf[n++] = value[i];
	}
	memcpy(buf + n, "\n.\n", 3);
	md->out(md->arg, buf, n + 3);
	free(buf);
}

static void
v1_line(struct metadata *md, char *line)
{
	CLEANUP_FREE char *value = NULL;
	struct err e = { 0 };
	char *operand;
	int rc;

	if (*line == '\0' || is_blank(*line)) {
		say(md, "invalid command\n");
		return;
	}
	operand = rest_of(line);
	if (strcmp(line, "NEGOTIATE") == 0) {
		say(md,
		    *operand == '\0'                 ? "invalid command\n"
			: strcmp(operand, "V2") == 0 ? "V2_OK\n"
						     : "FAILURE\n");
	} else if (strcmp(line, "GET") == 0) {
		if (*operand == '\0')
			say(md, "invalid command\n");
		else if (!key_ok(operand))
			say(md, "FAILURE\n");
		else if ((rc = md->src.get(md->src.arg, operand, &value, &e)) == 0)
			v1_success(md, value);
		else
			say(md, rc == -ENOENT ? "NOTFOUND\n" : "FAILURE\n");
	} else if (strcmp(line, "KEYS") == 0) {
		if (md->src.keys(md->src.arg, &value, &e) == 0)
			v1_success(md, value);
		else
			say(md, "FAILURE\n");
	} else {
		say(md, "FAILURE\n");
	}
}

/* ---- version 2 ---- */

/* "V2 LEN CRC REQID CODE[ PAYLOAD]": LEN and CRC are of everything from REQID to the end. */
static void
v2_answer(struct metadata *md, const char *reqid, const struct answer *a)
{
	size_t body = a->body != NULL ? strlen(a->body) : 0;
	size_t room = strlen(reqid) + strlen(a->code) + BASE64_LEN(body) + 3, n;
	char head[64];
	char *text = malloc(room + sizeof(head));
	int headlen;

	if (text == NULL)
		return; /* as if the line had been lost: the client asks again */
	n = (size_t)snprintf(text, room, "%s %s", reqid, a->code);
	if (body > 0) {
		text[n++] = ' ';
		n += base64_encode(a->body, body, text + n);
	}
	headlen = snprintf(head, sizeof(head), "V2 %zu %08" PRIx32 " ", n, crc32_ieee(text, n));
	memmove(text + headlen, text, n);
	memcpy(text, head, (size_t)headlen);
	text[(size_t)headlen + n] = '\n';
	md->out(md->arg, text, (size_t)headlen + n + 1);
	free(text);
}

static void
v2_failure(struct metadata *md, const char *reqid, const char *text)
{
	v2_answer(md, reqid, &(struct answer){ "FAILURE", text });
}

/*
 * Decode base64 into a string of its own, in place (it only gets shorter). -EINVAL when it is
 * not base64, or not text.
 */
static int
decode_text(char *s)
{
	size_t len = strlen(s), n;

	if (base64_decode(s, len, s, &n) < 0 || memchr(s, '\0', n) != NULL)
		return (-EINVAL);
	s[n] = '\0';
	return (0);
}

/* A payload that is one key: decoded, trimmed; NULL when there is none in it. */
static char *
payload_key(char *payload)
{
	if (decode_text(payload) < 0)
		return (NULL);
	payload = trim(payload);
	return (key_ok(payload) ? payload : NULL);
}

static void
v2_value(struct metadata *md, const char *reqid, int rc, const char *value, const struct err *e)
{
	if (rc == 0)
		v2_answer(md, reqid, &(struct answer){ "SUCCESS", value });
	else if (rc == -ENOENT)
		v2_answer(md, reqid, &(struct answer){ "NOTFOUND", NULL });
	else
		v2_failure(md, reqid, e->text);
}

static void
v2_put(struct metadata *md, const char *reqid, char *payload)
{
	struct err e = { 0 };
	char *value, *key;
	int rc;

	/* The pair is encoded twice: each for itself, and as a whole. */
	if (decode_text(payload) == 0) {
		payload = trim(payload);
		value = rest_of(payload);
		key = payload_key(payload);
		if (key != NULL && decode_text(value) == 0) {
			rc = md->src.put(md->src.arg, key, value, &e);
			v2_value(md, reqid, rc, "OK", &e);
			return;
		}
	}
	v2_failure(md, reqid, "Invalid PUT Request");
}

static void
v2_command(struct metadata *md, const char *reqid, char *code, char *payload)
{
	CLEANUP_FREE char *value = NULL;
	struct err e = { 0 };
	char text[256];
	int rc;

	if (strcmp(code, "GET") == 0) {
		char *key = payload_key(payload);

		if (key == NULL) {
			v2_failure(md, reqid, "Invalid GET Request");
			return;
		}
		rc = md->src.get(md->src.arg, key, &value, &e);
		v2_value(md, reqid, rc, value, &e);
	} else if (strcmp(code, "KEYS") == 0) {
		rc = md->src.keys(md->src.arg, &value, &e);
		v2_value(md, reqid, rc, value, &e);
	} else if (strcmp(code, "PUT") == 0) {
		v2_put(md, reqid, payload);
	} else if (strcmp(code, "DELETE") == 0) {
		char *key = payload_key(payload);

		if (key == NULL) {
			v2_failure(md, reqid, "Invalid DELETE Request");
			return;
		}
		rc = md->src.del(md->src.arg, key, &e);
		v2_value(md, reqid, rc, "OK", &e);
	} else {
		(void)snprintf(text, sizeof(text), "Unknown command %.200s", code);
		v2_failure(md, reqid, text);
	}
}

static bool
all_hex(const char *s)
{
	return (*s != '\0' && s[strspn(s, "0123456789abcdef")] == '\0');
}

/* What follows "V2". A frame that is not whole and right is dropped: the client asks again. */
static void
v2_line(struct metadata *md, char *len_word)
{
	char *crc_word, *reqid, *rest, *payload;
	char framed[16];
	uint64_t len;

	if (len_word[strcspn(len_word, "\t\v\f\r")] != '\0')
		return; /* single blanks between the words; the checksum is over blanks */
	crc_word = rest_of(len_word);
	reqid = rest_of(crc_word);
	rest = reqid + strcspn(reqid, " ");
	if (*rest == '\0')
		return; /* no command */
	if (parse_u64(len_word, &len) < 0 || strspn(len_word, "0123456789") != strlen(len_word))
		return;
	if (strlen(crc_word) != 8 || !all_hex(crc_word))
		return;

	/* Extra blanks after REQID count as one. */
	memmove(rest + 1, rest + strspn(rest, " "), strlen(rest + strspn(rest, " ")) + 1);
	(void)snprintf(framed, sizeof(framed), "%08" PRIx32, crc32_ieee(reqid, strlen(reqid)));
	if (len != strlen(reqid) || strcmp(framed, crc_word) != 0)
		return;
	*rest++ = '\0';
	if (!all_hex(reqid))
		return;
	payload = rest_of(rest);
	v2_command(md, reqid, rest, payload);
}

/* ---- lines ---- */

/*
 * What a firmware's console says: OVMF takes COM2 for one more terminal, would read our answers as
 * if they were typed there, and say them again. Its lines end by CR LF, and it begins with an escape
 * sequence; from there on, of lines that end by CR only commands are requests, until one comes.
 */
static bool
is_terminal_output(struct metadata *md)
{
	static const char *const commands[] = { "GET ", "KEYS", "NEGOTIATE ", "V2 " };
	const char *line = md->line;
	bool cr = md->len > 0 && line[md->len - 1] == '\r';

	if (memchr(line, '\033', md->len) != NULL)
		return (md->terminal = true);
	for (size_t i = 0; i < NITEMS(commands) && cr; i++) {
		if (strncmp(line, commands[i], strlen(commands[i])) == 0)
			cr = false;
	}
	md->terminal = md->terminal && cr;
	return (md->terminal);
}

static void
handle_line(struct metadata *md)
{
	char *line = md->line;

	line[md->len] = '\0';
	if (is_terminal_output(md))
		return;
	while (md->len > 0 && is_blank(line[md->len - 1]))
		md->len--;
	line[md->len] = '\0';
	if (strlen(line) != md->len)
		return; /* a NUL byte: noise of a port that is being set up, no request */
	if (strncmp(line, "V2", 2) == 0 && (line[2] == ' ' || line[2] == '\0'))
		v2_line(md, trim(line + 2));
	else
		v1_line(md, line);
}

void
metadata_input(struct metadata *md, const void *buf, size_t len)
{
	const char *p = buf, *nl;
	size_t n;

	for (; len > 0; p += n, len -= n) {
		nl = memchr(p, '\n', len);
		n = nl != NULL ? (size_t)(nl - p) : len;
		if (n > METADATA_LINE_MAX - md->len)
			md->too_long = true;
		if (!md->too_long) {
			memcpy(md->line + md->len, p, n);
			md->len += n;
		}
		if (nl == NULL)
			continue;
		n++;
		if (!md->too_long)
			handle_line(md);
		metadata_reset(md);
	}
}
