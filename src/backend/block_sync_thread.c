/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disk I/O by a few threads with system calls: for kernels that refuse io_uring. It is simple, not
 * fast. A thread touches a request only between taking it from one list and putting it into the
 * other; they keep no order among requests, as no disk does. Runs in zhyve and zhyve-blk.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "backend/block_engine.h"

#define THREADS 4

struct list {
	struct block_req *first, **last;
};

struct worker {
	struct block_file *f;
	pthread_t thread[THREADS];
	unsigned nthreads;
	pthread_mutex_t mutex; /* taken inside the device's lock, guards all below */
	pthread_cond_t work, finished;
	struct list todo, done; /* a done one has its result in backend_slot */
	bool quit;
};

static void
list_init(struct list *l)
{
	l->first = NULL;
	l->last = &l->first;
}

static void
list_put(struct list *l, struct block_req *req)
{
	req->next = NULL;
	*l->last = req;
	l->last = &req->next;
}

static struct block_req *
list_get(struct list *l)
{
	struct block_req *req = l->first;

	if (req != NULL && (l->first = req->next) == NULL)
		l->last = &l->first;
	return (req);
}

static int64_t
do_step(int fd, const struct block_step *s)
{
	int64_t res = -1;

	switch (s->kind) {
	case STEP_READ:
		res = preadv2(fd, s->iov, (int)s->niov, (off_t)s->offset, 0);
		break;
	case STEP_WRITE:
		res =
		    pwritev2(fd, s->iov, (int)s->niov, (off_t)s->offset, s->dsync ? RWF_DSYNC : 0);
		break;
	case STEP_SYNC:
		res = fdatasync(fd);
		break;
	case STEP_PUNCH:
	case STEP_ZERO:
		res = fallocate(fd, block_fallocate_mode(s), (off_t)s->offset, (off_t)s->len);
		break;
	}
	return (res < 0 ? -errno : res);
}

static int
do_request(struct block_file *f, struct block_req *req)
{
	struct block_step step;
	int result;

	do
		block_next(f, req, &step);
	while (block_advance(f, req, &step, do_step(f->fd, &step), &result));
	return (result);
}

static void *
worker_main(void *arg)
{
	struct worker *w = arg;
	struct block_req *req;
	uint64_t one = 1;
	bool confined = w->f->confine == NULL || w->f->confine() == 0;

	pthread_mutex_lock(&w->mutex);
	for (;;) {
		while ((req = list_get(&w->todo)) == NULL && !w->quit)
			pthread_cond_wait(&w->work, &w->mutex);
		if (req == NULL)
			break;
		pthread_mutex_unlock(&w->mutex);
		req->backend_slot = confined ? do_request(w->f, req) : -EPERM;
		pthread_mutex_lock(&w->mutex);
		list_put(&w->done, req);
		pthread_cond_signal(&w->finished);
		(void)!write(w->f->event, &one, sizeof(one));
	}
	pthread_mutex_unlock(&w->mutex);
	return (NULL);
}

static int
thread_submit(struct block_backend *b, struct block_req *req)
{
	struct block_file *f = b->softc;
	struct worker *w = f->priv;

	if (f->inflight >= BLOCK_DEPTH)
		return (-EAGAIN);
	block_begin(f, req);
	pthread_mutex_lock(&w->mutex);
	list_put(&w->todo, req);
	pthread_mutex_unlock(&w->mutex);
	return (0);
}

static void
thread_kick(struct block_backend *b)
{
	struct worker *w = ((struct block_file *)b->softc)->priv;

	pthread_cond_broadcast(&w->work);
}

static void
thread_reap(struct block_file *f, bool wait)
{
	struct worker *w = f->priv;
	struct block_req *req;

	pthread_mutex_lock(&w->mutex);
	while (wait && w->done.first == NULL)
		pthread_cond_wait(&w->finished, &w->mutex);
	while ((req = list_get(&w->done)) != NULL) {
		pthread_mutex_unlock(&w->mutex);
		block_finish(f, req, req->backend_slot);
		pthread_mutex_lock(&w->mutex);
	}
	pthread_mutex_unlock(&w->mutex);
}

static const struct block_ops thread_ops = {
	.submit = thread_submit,
	.kick = thread_kick,
};

static void
thread_stop(struct block_file *f)
{
	struct worker *w = f->priv;

	pthread_mutex_lock(&w->mutex);
	w->quit = true;
	pthread_cond_broadcast(&w->work);
	pthread_mutex_unlock(&w->mutex);
	while (w->nthreads > 0)
		pthread_join(w->thread[--w->nthreads], NULL);
	pthread_cond_destroy(&w->work);
	pthread_cond_destroy(&w->finished);
	pthread_mutex_destroy(&w->mutex);
	free(w);
	f->priv = NULL;
}

static int
start_threads(struct worker *w)
{
	sigset_t all, old;
	int rc = 0;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (w->nthreads < THREADS && rc == 0) {
		rc = pthread_create(&w->thread[w->nthreads], NULL, worker_main, w);
		if (rc == 0)
			(void)pthread_setname_np(w->thread[w->nthreads++], "disk");
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return (-rc);
}

static int
thread_start(struct block_file *f)
{
	struct worker *w = calloc(1, sizeof(*w));
	int rc;

	if (w == NULL)
		return (-ENOMEM);
	w->f = f;
	list_init(&w->todo);
	list_init(&w->done);
	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->work, NULL);
	pthread_cond_init(&w->finished, NULL);
	f->priv = w;
	if ((rc = start_threads(w)) < 0) {
		thread_stop(f);
		return (rc);
	}
	f->be.ops = &thread_ops;
	return (0);
}

const struct block_engine block_thread_engine = {
	.name = "thread",
	.start = thread_start,
	.stop = thread_stop,
	.reap = thread_reap,
};
