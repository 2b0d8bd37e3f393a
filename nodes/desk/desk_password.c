/*
 * Passwords off the call loop: one thread verifies Argon2id hashes one after the other (about 0.1 s
 * and 64 MiB each), so that a thousand sign-ins can slow each other but never a call.
 */
#include "nodes/desk/desk_internal.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct job {
	struct job *next;
	uint64_t conn;
	uint32_t ip4;
	int result;
	bool known;
	char name[CONF_NAME_SIZE];
	char stored[128];
	char password[256];
};

struct passwords {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct job *first, **last;
	struct job *answers, **answers_last; /* verified; the control thread takes them */
	uint32_t waiting;
	bool stop;
	struct mqueue *done; /* wakes the control thread for them */
	char dummy[128];     /* a hash nobody knows the password of */
	password_h *h;
	void *arg;
};

static void job_free(struct job *j)
{
	sodium_memzero(j, sizeof(*j));
	free(j);
}

static void jobs_free(struct job *j)
{
	while (j) {
		struct job *next = j->next;
		job_free(j);
		j = next;
	}
}

static void *run(void *arg)
{
	struct passwords *p = arg;
	char random[33];
	uint8_t bytes[16];
	random_bytes(bytes, sizeof(bytes));
	hex_encode(random, bytes, sizeof(bytes));
	/* A broken hash function would show at the first sign-in; nothing to do about it here. */
	(void)seal_password_hash(p->dummy, random);
	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		struct job *j = p->first;
		if (!j) {
			pthread_cond_wait(&p->wake, &p->lock);
			continue;
		}
		p->first = j->next;
		if (!p->first)
			p->last = &p->first;
		p->waiting--;
		pthread_mutex_unlock(&p->lock);
		j->result = seal_password_verify(j->known ? j->stored : p->dummy, j->password);
		if (!j->known)
			j->result = EACCES;
		sodium_memzero(j->password, sizeof(j->password));
		j->next = NULL;
		pthread_mutex_lock(&p->lock);
		*p->answers_last = j;
		p->answers_last = &j->next;
		/* A pipe that is full has wakes enough in it. */
		(void)mqueue_push(p->done, 0, NULL);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static void done_h(int id, void *data, void *arg)
{
	struct passwords *p = arg;
	(void)id;
	(void)data;
	pthread_mutex_lock(&p->lock);
	struct job *j = p->answers;
	p->answers = NULL;
	p->answers_last = &p->answers;
	pthread_mutex_unlock(&p->lock);
	while (j) {
		struct job *next = j->next;
		p->h(j->conn, j->ip4, j->name, j->result, p->arg);
		job_free(j);
		j = next;
	}
}

int passwords_open(struct passwords **ret, password_h *h, void *arg)
{
	struct passwords *p = calloc(1, sizeof(*p));
	if (!p)
		return ENOMEM;
	p->h = h;
	p->arg = arg;
	p->last = &p->first;
	p->answers_last = &p->answers;
	int err = mqueue_alloc(&p->done, done_h, p);
	if (err) {
		free(p);
		return err;
	}
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	err = pthread_create(&p->thread, NULL, run, p);
	if (err) {
		mem_deref(p->done);
		free(p);
		return err;
	}
	*ret = p;
	return 0;
}

struct passwords *passwords_close(struct passwords *p)
{
	if (!p)
		return NULL;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	jobs_free(p->first);
	jobs_free(p->answers);
	mem_deref(p->done);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	free(p);
	return NULL;
}

int passwords_check(struct passwords *p, uint64_t conn, uint32_t ip4, const char *name,
		    const char *stored, const char *password)
{
	struct job *j = calloc(1, sizeof(*j));
	if (!j)
		return ENOMEM;
	j->conn = conn;
	j->ip4 = ip4;
	j->known = stored != NULL;
	/* A password that does not fit is a wrong one; it is verified cut off, so that it takes as
	 * long. */
	bool too_long = str_copy(j->password, sizeof(j->password), password) != 0;
	if (too_long || str_copy(j->name, sizeof(j->name), name) ||
	    (stored && str_copy(j->stored, sizeof(j->stored), stored)))
		j->known = false;
	pthread_mutex_lock(&p->lock);
	uint32_t same = 0;
	for (const struct job *k = p->first; k; k = k->next)
		same += k->ip4 == ip4;
	bool full = p->waiting >= DESK_LOGIN_QUEUE_MAX || same >= DESK_LOGIN_QUEUE_ADDRESS_MAX;
	if (!full) {
		*p->last = j;
		p->last = &j->next;
		p->waiting++;
		pthread_cond_signal(&p->wake);
	}
	pthread_mutex_unlock(&p->lock);
	if (full) {
		job_free(j);
		return ENOSPC;
	}
	return 0;
}
