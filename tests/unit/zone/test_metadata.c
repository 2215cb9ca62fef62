/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The metadata protocol machine: both versions as stock clients speak them, and everything a
 * hostile guest may send instead. The values come from a small table here.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "zone/codec.h"
#include "zone/metadata_source.h"

static char sent[256 * 1024];
static size_t sent_len;
static char put_key[64], put_value[64];
static char *big;

static void
take(void *arg, const void *buf, size_t len)
{
	assert_true(sent_len + len < sizeof(sent));
	memcpy(sent + sent_len, buf, len);
	sent_len += len;
	sent[sent_len] = '\0';
}

static int
fake_get(void *arg, const char *key, char **value, struct err *e)
{
	static const char *const table[][2] = { { "hostname", "web1" }, { "empty", "" },
		{ "dots", ".a\n..b\nc.\n." },
		{ "sdc:uuid", "cc3fc57f-3b1a-4a3c-9ec0-2bb7a5e2f4a1" }, { "two words", "yes" } };

	if (strcmp(key, "broken") == 0)
		return (-EINVAL);
	if (strcmp(key, "told") == 0)
		return (err_say(e, EIO, "the store is gone"));
	if (strcmp(key, "big") == 0)
		return ((*value = strdup(big)) != NULL ? 0 : -ENOMEM);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(key, table[i][0]) == 0)
			return ((*value = strdup(table[i][1])) != NULL ? 0 : -ENOMEM);
	return (-ENOENT);
}

static int
fake_keys(void *arg, char **value, struct err *e)
{
	*value = strdup("hostname\nempty");
	return (*value != NULL ? 0 : -ENOMEM);
}

static int
fake_put(void *arg, const char *key, const char *value, struct err *e)
{
	if (strncmp(key, "sdc:", 4) == 0)
		return (err_say(e, EPERM, "Cannot update the \"sdc\" Namespace."));
	(void)snprintf(put_key, sizeof(put_key), "%s", key);
	(void)snprintf(put_value, sizeof(put_value), "%s", value);
	return (0);
}

static int
fake_del(void *arg, const char *key, struct err *e)
{
	return (fake_put(arg, key, "(deleted)", e));
}

static int
setup(void **state)
{
	static const struct metadata_source src = {
		.get = fake_get, .keys = fake_keys, .put = fake_put, .del = fake_del
	};
	struct metadata *md;

	sent_len = 0;
	sent[0] = put_key[0] = put_value[0] = '\0';
	assert_int_equal(metadata_create_from(&src, take, NULL, &md, NULL), 0);
	*state = md;
	return (0);
}

static int
teardown(void **state)
{
	metadata_destroy(*state);
	return (0);
}

/* What the machine says to these bytes. */
static const char *
ask_len(struct metadata *md, const char *bytes, size_t len)
{
	sent_len = 0;
	sent[0] = '\0';
	metadata_input(md, bytes, len);
	return (sent);
}

static const char *
ask(struct metadata *md, const char *bytes)
{
	return (ask_len(md, bytes, strlen(bytes)));
}

/* A frame as a stock client makes it. */
static const char *
frame(const char *reqid, const char *code, const char *payload)
{
	static char out[1024];
	char body[800], coded[600];

	(void)snprintf(body, sizeof(body), "%s %s", reqid, code);
	if (payload != NULL) {
		base64_encode(payload, strlen(payload), coded);
		(void)snprintf(body, sizeof(body), "%s %s %s", reqid, code, coded);
	}
	(void)snprintf(out, sizeof(out), "V2 %zu %08" PRIx32 " %s\n", strlen(body),
	    crc32_ieee(body, strlen(body)), body);
	return (out);
}

/* Ask by a frame; check everything about the answer's own; return "CODE payload". */
static const char *
ask_v2(struct metadata *md, const char *code, const char *payload)
{
	static char text[100 * 1024];
	static char coded[128 * 1024];
	char reqid[16], got[16];
	uint32_t crc;
	size_t len, n;
	int at = 0;

	(void)ask(md, frame("0badf00d", code, payload));
	assert_int_equal(sscanf(sent, "V2 %zu %" SCNx32 " %n", &len, &crc, &at), 2);
	assert_int_equal(sent[sent_len - 1], '\n');
	assert_int_equal(sent_len - 1 - (size_t)at, len);
	assert_int_equal(crc32_ieee(sent + at, len), crc);
	coded[0] = '\0';
	assert_true(sscanf(sent + at, "%15s %15s %131071s", reqid, got, coded) >= 2);
	assert_string_equal(reqid, "0badf00d");
	n = (size_t)sprintf(text, "%s ", got);
	assert_int_equal(base64_decode(coded, strlen(coded), text + n, &len), 0);
	text[n + len] = '\0';
	/* No blank is left at the end when there is no payload. */
	assert_true(coded[0] != '\0' || sent[sent_len - 2] != ' ');
	return (text);
}

static void
test_v1(void **state)
{
	struct metadata *md = *state;

	/* The probe of every client. */
	assert_string_equal(ask(md, "\n"), "invalid command\n");
	assert_string_equal(ask(md, "\r\n"), "invalid command\n");
	assert_string_equal(ask(md, " GET hostname\n"), "invalid command\n");
	assert_string_equal(ask(md, "GET\n"), "invalid command\n");
	assert_string_equal(ask(md, "GET  \n"), "invalid command\n");
	assert_string_equal(ask(md, "NEGOTIATE\n"), "invalid command\n");
	assert_string_equal(ask(md, "NEGOTIATE V2\n"), "V2_OK\n");
	assert_string_equal(ask(md, "NEGOTIATE V2\r\n"), "V2_OK\n");
	assert_string_equal(ask(md, "NEGOTIATE V3\n"), "FAILURE\n");
	assert_string_equal(ask(md, "get hostname\n"), "FAILURE\n");
	assert_string_equal(ask(md, "PUT a b\n"), "FAILURE\n");
	assert_string_equal(ask(md, "V3 1 2 3 4\n"), "FAILURE\n");
	assert_string_equal(ask(md, "GET hostname\n"), "SUCCESS\nweb1\n.\n");
	assert_string_equal(ask(md, "GET  hostname \t\n"), "SUCCESS\nweb1\n.\n");
	assert_string_equal(ask(md, "GET two words\n"), "SUCCESS\nyes\n.\n");
	assert_string_equal(ask(md, "GET nothing\n"), "NOTFOUND\n");
	assert_string_equal(ask(md, "GET broken\n"), "FAILURE\n");
	assert_string_equal(ask(md, "GET empty\n"), "SUCCESS\n\n.\n");
	assert_string_equal(ask(md, "GET dots\n"), "SUCCESS\n..a\n...b\nc.\n..\n.\n");
	assert_string_equal(ask(md, "KEYS\n"), "SUCCESS\nhostname\nempty\n.\n");
}

/* Two exchanges written down byte for byte: what cloud-init sends and must read. */
static void
test_v2_bytes(void **state)
{
	struct metadata *md = *state;

	assert_string_equal(
	    frame("5c5ea06b", "GET", "hostname"), "V2 25 7916f5e4 5c5ea06b GET aG9zdG5hbWU=\n");
	assert_string_equal(ask(md, "V2 25 7916f5e4 5c5ea06b GET aG9zdG5hbWU=\n"),
	    "V2 25 c72db9ac 5c5ea06b SUCCESS d2ViMQ==\n");
}

static void
test_v2(void **state)
{
	struct metadata *md = *state;

	assert_string_equal(ask_v2(md, "GET", "hostname"), "SUCCESS web1");
	assert_string_equal(ask_v2(md, "GET", " hostname\n"), "SUCCESS web1");
	assert_string_equal(ask_v2(md, "GET", "two words"), "SUCCESS yes");
	assert_string_equal(ask_v2(md, "GET", "nothing"), "NOTFOUND ");
	assert_string_equal(ask_v2(md, "GET", "broken"), "FAILURE ");
	assert_string_equal(ask_v2(md, "GET", "told"), "FAILURE the store is gone");
	assert_string_equal(ask_v2(md, "GET", "empty"), "SUCCESS ");
	assert_string_equal(ask_v2(md, "GET", NULL), "FAILURE Invalid GET Request");
	assert_string_equal(ask_v2(md, "GET", "a\nb"), "FAILURE Invalid GET Request");
	assert_string_equal(ask_v2(md, "KEYS", NULL), "SUCCESS hostname\nempty");
	assert_string_equal(ask_v2(md, "DELETE", NULL), "FAILURE Invalid DELETE Request");
	assert_string_equal(ask_v2(md, "DELETE", "gone"), "SUCCESS OK");
	assert_string_equal(put_key, "gone");
	assert_string_equal(ask_v2(md, "NEGOTIATE", "V2"), "FAILURE Unknown command NEGOTIATE");
	assert_string_equal(ask_v2(md, "%s%n", NULL), "FAILURE Unknown command %s%n");
}

static void
test_v2_put(void **state)
{
	struct metadata *md = *state;

	/* "colour" = "green", each coded, then the pair as a whole. */
	assert_string_equal(ask_v2(md, "PUT", "Y29sb3Vy Z3JlZW4="), "SUCCESS OK");
	assert_string_equal(put_key, "colour");
	assert_string_equal(put_value, "green");
	/* An empty value is a value. */
	assert_string_equal(ask_v2(md, "PUT", "Y29sb3Vy "), "SUCCESS OK");
	assert_string_equal(put_value, "");
	assert_string_equal(
	    ask_v2(md, "PUT", "c2RjOnV1aWQ= eA=="), "FAILURE Cannot update the \"sdc\" Namespace.");
	assert_string_equal(ask_v2(md, "PUT", NULL), "FAILURE Invalid PUT Request");
	assert_string_equal(ask_v2(md, "PUT", "colour green"), "FAILURE Invalid PUT Request");
	assert_string_equal(ask_v2(md, "PUT", "Y29sb3Vy !!!!"), "FAILURE Invalid PUT Request");
	/* A NUL in the value is no text. */
	assert_string_equal(ask_v2(md, "PUT", "Y29sb3Vy AAAA"), "FAILURE Invalid PUT Request");
}

/* Frames that are not whole and right have no answer. */
static void
test_v2_dropped(void **state)
{
	static const char *const bad[] = {
		"V2\n",
		"V2 \n",
		"V2 25\n",
		"V2 25 7916f5e4\n",
		"V2 25 7916f5e4 5c5ea06b\n",
		"V2 24 7916f5e4 5c5ea06b GET aG9zdG5hbWU=\n",                   /* LEN */
		"V2 26 7916f5e4 5c5ea06b GET aG9zdG5hbWU=\n",                   /* LEN */
		"V2 0x19 7916f5e4 5c5ea06b GET aG9zdG5hbWU=\n",                 /* LEN */
		"V2 -25 7916f5e4 5c5ea06b GET aG9zdG5hbWU=\n",                  /* LEN */
		"V2 99999999999999999999 7916f5e4 5c5ea06b GET aG9zdG5hbWU=\n", /* LEN */
		"V2 25 7916f5e5 5c5ea06b GET aG9zdG5hbWU=\n",                   /* CRC */
		"V2 25 7916F5E4 5c5ea06b GET aG9zdG5hbWU=\n",                   /* upper case */
		"V2 25 916f5e4 5c5ea06b GET aG9zdG5hbWU=\n",                    /* short CRC */
		"V2 25 7916f5e4 5c5ea06b GET aG9zdG5hbWV=\n",                   /* a flipped bit */
		"V2 25 7916f5e4 5c5ea06b GET\taG9zdG5hbWU=\n",
		"V2\t25 7916f5e4 5c5ea06b GET aG9zdG5hbWU=\n",
	};
	struct metadata *md = *state;
	char upper[128];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *said = ask(md, bad[i]);

		/* The last is no frame at all: its first word is not "V2" and a blank. */
		if (bad[i][2] == '\t')
			assert_string_equal(said, "FAILURE\n");
		else
			assert_string_equal(said, "");
	}
	/* A request id in upper case, with a right checksum. */
	(void)snprintf(upper, sizeof(upper), "V2 25 %08" PRIx32 " 5C5EA06B GET aG9zdG5hbWU=\n",
	    crc32_ieee("5C5EA06B GET aG9zdG5hbWU=", 25));
	assert_string_equal(ask(md, upper), "");
	/* Extra blanks between the fields are taken. */
	assert_string_equal(ask(md, "V2  25   7916f5e4  5c5ea06b  GET aG9zdG5hbWU=\n"),
	    "V2 25 c72db9ac 5c5ea06b SUCCESS d2ViMQ==\n");
}

/* Any split of the bytes says the same; versions mix; a reset forgets half a line. */
static void
test_splits(void **state)
{
	static const char dialogue[] =
	    "\n\nNEGOTIATE V2\nV2 25 7916f5e4 5c5ea06b GET aG9zdG5hbWU=\n"
	    "GET hostname\r\nKEYS\n";
	struct metadata *md = *state;
	char whole[512];

	(void)snprintf(whole, sizeof(whole), "%s", ask(md, dialogue));
	assert_non_null(strstr(whole, "V2_OK\nV2 25 c72db9ac"));
	for (size_t step = 1; step < 40; step++) {
		sent_len = 0;
		sent[0] = '\0';
		for (size_t i = 0; i < sizeof(dialogue) - 1; i += step)
			metadata_input(md, dialogue + i,
			    i + step < sizeof(dialogue) - 1 ? step : sizeof(dialogue) - 1 - i);
		assert_string_equal(sent, whole);
	}
	assert_string_equal(ask(md, "GET host"), "");
	metadata_reset(md);
	assert_string_equal(ask(md, "\n"), "invalid command\n");
	/* Half a line that is not forgotten is part of the next. */
	assert_string_equal(ask(md, "GET host"), "");
	assert_string_equal(ask(md, "name\n"), "SUCCESS\nweb1\n.\n");
}

/* A line beyond the bound is dropped whole, and the next one is heard. */
static void
test_long_lines(void **state)
{
	struct metadata *md = *state;
	char *line = malloc(4 * METADATA_LINE_MAX);

	assert_non_null(line);
	memset(line, 'A', 4 * METADATA_LINE_MAX);
	assert_string_equal(ask_len(md, line, 4 * METADATA_LINE_MAX), "");
	for (int i = 0; i < 4; i++)
		assert_string_equal(ask_len(md, line, METADATA_LINE_MAX), "");
	assert_string_equal(ask(md, "\nGET hostname\n"), "SUCCESS\nweb1\n.\n");

	/* Exactly at the bound it still counts; one more byte does not. */
	memcpy(line, "GET ", 4);
	line[METADATA_LINE_MAX] = '\n';
	assert_string_equal(ask_len(md, line, METADATA_LINE_MAX + 1), "NOTFOUND\n");
	line[METADATA_LINE_MAX] = 'A';
	line[METADATA_LINE_MAX + 1] = '\n';
	assert_string_equal(ask_len(md, line, METADATA_LINE_MAX + 2), "");
	free(line);
}

/* Noise, with whatever a line may hold: the machine stands and answers the next question. */
static void
test_noise(void **state)
{
	struct metadata *md = *state;
	uint8_t noise[509];
	uint32_t seed = 12345;

	for (int round = 0; round < 2000; round++) {
		for (size_t i = 0; i < sizeof(noise); i++) {
			seed = seed * 1664525u + 1013904223u;
			noise[i] = (uint8_t)(seed >> 24);
		}
		if (round % 3 == 0)
			memcpy(noise, "V2 ", 3);
		sent_len = 0;
		metadata_input(md, noise, sizeof(noise));
	}
	(void)ask(md, "\n");
	assert_string_equal(ask(md, "GET hostname\n"), "SUCCESS\nweb1\n.\n");
	/* Bytes that are no text. */
	assert_string_equal(ask_len(md, "GET host\0name\n", 14), "");
	assert_string_equal(ask(md, "GET a\001b\n"), "FAILURE\n");
}

/* A firmware's terminal on the port gets no answers, which it would take for its user's. */
static void
test_terminal(void **state)
{
	struct metadata *md = *state;

	assert_string_equal(ask(md, "\033[2J\033[01;01H\r\n"), "");
	assert_string_equal(ask(md, "\r\n"), "");
	assert_string_equal(ask(md, "BdsDxe: starting Boot0001\r\n"), "");
	assert_string_equal(ask(md, "\033[0mShell> \n"), "");
	assert_string_equal(ask(md, "FAILURE\r\n"), "");
	assert_string_equal(ask(md, "GET hostname\r\n"), "SUCCESS\nweb1\n.\n");
	assert_string_equal(ask(md, "\r\n"), "invalid command\n");
	assert_string_equal(ask(md, "\033[2J\n"), "");
	assert_string_equal(ask(md, "\n"), "invalid command\n");
}

/* Values far larger than a line. */
static void
test_big_value(void **state)
{
	struct metadata *md = *state;
	size_t len = 80 * 1024;

	big = malloc(len + 1);
	assert_non_null(big);
	for (size_t i = 0; i < len; i++)
		big[i] = i % 64 == 63 ? '\n' : '.';
	big[len] = '\0';
	assert_string_equal(ask_v2(md, "GET", "big") + strlen("SUCCESS "), big);
	assert_int_equal(strlen(ask(md, "GET big\n")), strlen("SUCCESS\n\n.\n") + len + len / 64);
	free(big);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_v1, setup, teardown),
		cmocka_unit_test_setup_teardown(test_v2_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_v2, setup, teardown),
		cmocka_unit_test_setup_teardown(test_v2_put, setup, teardown),
		cmocka_unit_test_setup_teardown(test_v2_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_splits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_noise, setup, teardown),
		cmocka_unit_test_setup_teardown(test_terminal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_big_value, setup, teardown),
	};
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
