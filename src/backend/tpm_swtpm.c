/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TPM that swtpm emulates: see tpm_swtpm.h. swtpm is believed in no length: what it sends is
 * checked against the buffer, and anything out of turn ends its use; the guest then sees a TPM
 * that failed. Runs in zhyve: opened before the guest runs; commands are sent on vCPUs' threads,
 * answers come in the event loop.
 */
#include "backend/tpm_swtpm.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"

/* Commands of the control channel, with their arguments and answers; all numbers big endian. */
#define CMD_INIT           2
#define CMD_CANCEL         9
#define CMD_STOP           14
#define CMD_SET_DATAFD     16
#define CMD_SET_BUFFERSIZE 17

#define CONTROL_TIMEOUT_S  30
#define HEADER_LEN         10

struct swtpm {
	struct tpm_backend b;
	struct lock *lock;
	int ctrl, data;
	struct mevent *ctrl_ev, *data_ev;
	bool dead;
	bool pending; /* a command has not been answered */
	size_t have;  /* bytes of its answer */
	uint8_t answer[TPM_BUFFER_SIZE];
};

/* It cannot be used any more. With the lock held. */
static void
give_up(struct swtpm *s, const char *why)
{
	if (s->dead)
		return;
	log_warn("the TPM has failed: %s", why);
	s->dead = true;
	(void)mevent_disable(s->ctrl_ev);
	(void)mevent_disable(s->data_ev);
	s->pending = false;
	s->b.done(s->b.dev, NULL, 0);
}

static int
submit(struct tpm_backend *b, const uint8_t *cmd, size_t len)
{
	struct swtpm *s = (struct swtpm *)b;

	if (s->dead || s->pending)
		return (-EIO);
	/* One command is far less than the socket holds, and there is only one. */
	if (fd_send(s->data, cmd, len) != (ssize_t)len)
		return (-EIO);
	s->pending = true;
	s->have = 0;
	return (0);
}

static void
cancel(struct tpm_backend *b)
{
	struct swtpm *s = (struct swtpm *)b;
	uint32_t cmd = htobe32(CMD_CANCEL);

	if (!s->dead)
		(void)fd_send(s->ctrl, &cmd, sizeof(cmd));
}

/* Take what has come of the answer; with the lock held. */
static void
take_answer(struct swtpm *s)
{
	ssize_t n = read(s->data, s->answer + s->have, sizeof(s->answer) - s->have);
	uint32_t len;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		give_up(s, "swtpm has closed its socket, or sent too much");
		return;
	}
	if (!s->pending) {
		give_up(s, "swtpm sent what nobody asked for");
		return;
	}
	s->have += (size_t)n;
	if (s->have < HEADER_LEN)
		return;
	memcpy(&len, s->answer + 2, sizeof(len));
	len = be32toh(len);
	if (len < HEADER_LEN || len > sizeof(s->answer) || s->have > len) {
		give_up(s, "swtpm sent an answer of an impossible length");
		return;
	}
	if (s->have < len)
		return;
	s->pending = false;
	s->b.done(s->b.dev, s->answer, len);
}

static void
on_data(int fd, enum mevent_type type, void *arg)
{
	struct swtpm *s = arg;

	(void)fd;
	(void)type;
	lock_take(s->lock);
	if (!s->dead)
		take_answer(s);
	lock_drop(s->lock);
}

/* Answers to cancel, which nobody needs; or the end. */
static void
on_ctrl(int fd, enum mevent_type type, void *arg)
{
	struct swtpm *s = arg;
	uint8_t buf[64];
	ssize_t n = read(fd, buf, sizeof(buf));

	(void)type;
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	lock_take(s->lock);
	give_up(s, "swtpm is gone");
	lock_drop(s->lock);
}

/*
 * One command with up to one word of argument and perhaps a descriptor; the answer is `words`
 * words, the first of which says how it went.
 */
static int
control(int sock, uint32_t cmd, const uint32_t *arg, const int *pass, unsigned words,
    const char *what, struct err *e)
{
	uint32_t out[2] = { htobe32(cmd), arg != NULL ? htobe32(*arg) : 0 }, in[4] = { 0 };
	int rc;

	rc = fd_send_msg(sock, out, arg != NULL ? 8 : 4, pass, pass != NULL ? 1 : 0);
	if (rc == 0)
		rc = fd_read_full(sock, in, words * sizeof(in[0]));
	if (rc != 0)
		return (err_set(e, -rc, "swtpm does not answer (%s)", what));
	if (in[0] != 0)
		return (err_say(e, EIO, "swtpm refused (%s): error 0x%x", what, be32toh(in[0])));
	return (0);
}

/* In this order; stopped first, in case it served another machine before. */
static int
start_tpm(struct swtpm *s, int peer, struct err *e)
{
	const uint32_t size = TPM_BUFFER_SIZE, flags = 0;
	const struct timeval timeout = { .tv_sec = CONTROL_TIMEOUT_S };
	int rc;

	(void)setsockopt(s->ctrl, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	if ((rc = control(s->ctrl, CMD_SET_DATAFD, NULL, &peer, 1, "data channel", e)) != 0 ||
	    (rc = control(s->ctrl, CMD_STOP, NULL, NULL, 1, "stop", e)) != 0 ||
	    (rc = control(s->ctrl, CMD_SET_BUFFERSIZE, &size, NULL, 4, "buffer size", e)) != 0)
		return (rc);
	return (control(s->ctrl, CMD_INIT, &flags, NULL, 1, "start", e));
}

static int
make(struct swtpm *s, struct mevent_loop *loop, struct err *e)
{
	int pair[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return (err_set(e, errno, "cannot make a socket"));
	s->data = pair[0];
	rc = start_tpm(s, pair[1], e);
	(void)close(pair[1]);
	if (rc != 0)
		return (rc);
	if ((rc = fd_set_nonblock(s->data)) != 0 || (rc = fd_set_nonblock(s->ctrl)) != 0)
		return (err_set(e, -rc, "cannot set up swtpm's sockets"));
	s->data_ev = mevent_add(loop, s->data, EVF_READ, on_data, s);
	s->ctrl_ev = mevent_add(loop, s->ctrl, EVF_READ, on_ctrl, s);
	if (s->data_ev == NULL || s->ctrl_ev == NULL)
		return (err_set(e, errno, "cannot watch swtpm"));
	return (0);
}

int
tpm_swtpm_open(struct tpm_backend **out, const char *where, struct mevent_loop *loop,
    struct lock *lock, struct err *e)
{
	struct swtpm *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL)
		return (err_set(e, ENOMEM, "%s", where));
	s->lock = lock;
	s->data = s->ctrl = -1;
	s->b.submit = submit;
	s->b.cancel = cancel;
	if (parse_fd(where, &s->ctrl) != 0)
		s->ctrl = unix_connect(where, SOCK_STREAM, e);
	if (s->ctrl < 0)
		rc = err_ctx(e, "is swtpm running?");
	else
		rc = make(s, loop, e);
	if (rc != 0) {
		mevent_delete(s->data_ev);
		mevent_delete(s->ctrl_ev);
		fd_close(&s->data);
		fd_close(&s->ctrl);
		free(s);
		return (err_ctx(e, "%s", where));
	}
	*out = &s->b;
	return (0);
}
