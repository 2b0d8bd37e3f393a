/* A media thread: epoll over the sockets of its legs, a 20 ms tick, a sweep, its command queue. */
#include "nodes/media/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void queue_push(struct command_queue *q, struct command *cmd)
{
	cmd->next = NULL;
	*q->tail = cmd;
	q->tail = &cmd->next;
}

static struct command *queue_pop(struct command_queue *q)
{
	struct command *cmd = q->head;
	if (cmd) {
		q->head = cmd->next;
		if (!q->head)
			q->tail = &q->head;
	}
	return cmd;
}

/* Moves all of `from` behind `to`. */
static void queue_splice(struct command_queue *to, struct command_queue *from)
{
	if (!from->head)
		return;
	*to->tail = from->head;
	to->tail = from->tail;
	from->head = NULL;
	from->tail = &from->head;
}

static void wake(struct thread *t)
{
	uint64_t one = 1;
	ssize_t n = write(t->wake, &one, sizeof(one));
	helio_assert(n == sizeof(one) || errno == EAGAIN); /* EAGAIN: it is awake already */
}

static void push_to(struct thread *t, struct command_queue *q, struct command *cmd)
{
	pthread_mutex_lock(&t->lock);
	queue_push(q, cmd);
	pthread_mutex_unlock(&t->lock);
}

void thread_push(struct thread *t, struct command *cmd)
{
	push_to(t, &t->incoming, cmd);
	if (t->m->held)
		t->wake_due = true;
	else
		wake(t);
}

void media_hold(struct media *m)
{
	m->held++;
}

void media_release(struct media *m)
{
	helio_assert(m->held > 0);
	if (--m->held)
		return;
	for (uint32_t i = 0; i < m->threads_len; i++) {
		if (m->threads[i].wake_due)
			wake(&m->threads[i]);
		m->threads[i].wake_due = false;
	}
}

void thread_adopt(struct thread *t, struct command *cmd)
{
	push_to(t, &t->adopted, cmd);
	wake(t);
}

int thread_add_leg(struct thread *t, struct leg *leg)
{
	int err = 0;
	for (int i = 0; i < 2; i++) {
		struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &leg->watch[i]};
		leg->watch[i] = (struct watch){.leg = leg, .rtcp = i == 1};
		if (leg->fd[i] >= 0 && epoll_ctl(t->epoll, EPOLL_CTL_ADD, leg->fd[i], &ev))
			err = errno;
	}
	helio_assert(t->legs_len < t->m->conf.legs_max);
	leg->index = (int32_t)t->legs_len;
	t->legs[t->legs_len++] = leg;
	atomic_store(&leg->thread, t);
	return err;
}

void thread_remove_leg(struct thread *t, struct leg *leg)
{
	thread_set_playing(t, leg, false);
	for (int i = 0; i < 2; i++)
		if (leg->fd[i] >= 0)
			epoll_ctl(t->epoll, EPOLL_CTL_DEL, leg->fd[i], NULL);
	struct leg *last = t->legs[--t->legs_len];
	t->legs[leg->index] = last;
	last->index = leg->index;
	leg->index = -1;
}

void thread_set_playing(struct thread *t, struct leg *leg, bool on)
{
	if (on == (leg->play_index >= 0))
		return;
	if (on) {
		if (!t->playing_len)
			t->tick_us = mono_us();
		leg->play_index = (int32_t)t->playing_len;
		t->playing[t->playing_len++] = leg;
		return;
	}
	struct leg *last = t->playing[--t->playing_len];
	t->playing[leg->play_index] = last;
	last->play_index = leg->play_index;
	leg->play_index = -1;
}

/* Is any leg of this command still with another thread? */
static bool in_transit(struct thread *t, const struct command *cmd)
{
	if (cmd->type == CMD_ADD || cmd->type == CMD_ADOPT || cmd->type == CMD_LEASE)
		return false;
	return atomic_load(&cmd->leg->thread) != t ||
	       (cmd->type == CMD_BRIDGE && atomic_load(&cmd->other->thread) != t);
}

static bool run_commands(struct thread *t)
{
	struct command_queue adopted = {.tail = &adopted.head};
	uint64_t n;
	ssize_t got = read(t->wake, &n, sizeof(n));
	(void)got; /* only resets the counter */
	pthread_mutex_lock(&t->lock);
	queue_splice(&t->waiting, &t->incoming);
	queue_splice(&adopted, &t->adopted);
	bool stop = t->stop;
	pthread_mutex_unlock(&t->lock);
	struct command *cmd;
	while ((cmd = queue_pop(&adopted)))
		command_run(t, cmd);
	while (t->waiting.head && !in_transit(t, t->waiting.head))
		command_run(t, queue_pop(&t->waiting));
	return !stop;
}

static void run_tick(struct thread *t)
{
	enum { BEHIND_MAX_US = 5 * TICK_US };
	if (t->now_us > t->tick_us + BEHIND_MAX_US)
		t->tick_us = t->now_us; /* the machine slept: don't pour out what was missed */
	if (!t->playing_len || t->now_us < t->tick_us)
		return;
	/* backwards: a sound that ends takes its leg out of the array */
	for (uint32_t i = t->playing_len; i-- > 0;)
		play_tick(t, t->playing[i]);
	t->tick_us += TICK_US; /* one a round: a second one that is due comes after receiving */
	t->tick++;
}

/* A part of the legs each time, so that thousands of them make no pause. */
static void run_sweep(struct thread *t)
{
	uint32_t part = t->sweep_at++ % SWEEP_PARTS;
	for (uint32_t i = part; i < t->legs_len; i += SWEEP_PARTS)
		leg_sweep(t, t->legs[i]);
	t->sweep_us = t->now_us + SWEEP_US;
}

static int wait_ms(const struct thread *t)
{
	uint64_t until = t->sweep_us;
	if (t->playing_len && t->tick_us < until)
		until = t->tick_us;
	if (!t->legs_len)
		return -1;
	uint64_t now = mono_us();
	return until <= now ? 0 : (int)((until - now + 999) / 1000);
}

static void *thread_main(void *arg)
{
	enum { BATCH = 1024 }; /* what is heard must not starve behind what is played */
	struct thread *t = arg;
	struct epoll_event evs[BATCH];
	for (bool go_on = true; go_on;) {
		bool commands = false;
		int n = epoll_wait(t->epoll, evs, BATCH, wait_ms(t));
		helio_assert(n >= 0 || errno == EINTR);
		t->now_us = mono_us();
		for (int i = 0; i < n; i++) {
			struct watch *w = evs[i].data.ptr;
			if (w)
				leg_readable(t, w->leg, w->rtcp);
			else
				commands = true;
		}
		run_tick(t);
		if (t->now_us >= t->sweep_us)
			run_sweep(t);
		if (commands) /* last: they may free legs that this batch names */
			go_on = run_commands(t);
	}
	return NULL;
}

int thread_start(struct thread *t, struct media *m, uint32_t ordinal)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
	t->m = m;
	t->ordinal = ordinal;
	t->incoming.tail = &t->incoming.head;
	t->adopted.tail = &t->adopted.head;
	t->waiting.tail = &t->waiting.head;
	t->legs = calloc(m->conf.legs_max, sizeof(*t->legs));
	t->playing = calloc(m->conf.legs_max, sizeof(*t->playing));
	t->epoll = epoll_create1(EPOLL_CLOEXEC);
	t->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&t->lock, NULL);
	int err = !t->legs || !t->playing ? ENOMEM : 0;
	if (!err &&
	    (t->epoll < 0 || t->wake < 0 || epoll_ctl(t->epoll, EPOLL_CTL_ADD, t->wake, &ev)))
		err = errno;
	if (!err)
		err = pthread_create(&t->id, NULL, thread_main, t);
	t->running = !err;
	return err;
}

static void drop_all(struct thread *t, struct command_queue *q)
{
	struct command *cmd;
	while ((cmd = queue_pop(q))) {
		/* a leg that no thread has reached yet is freed here */
		if (cmd->type == CMD_ADD || cmd->type == CMD_ADOPT)
			leg_free(cmd->leg);
		command_free(cmd);
	}
	(void)t;
}

/* All threads are joined before any of them is torn down: legs may be on their way. */
void thread_stop(struct thread *t)
{
	if (t->running) {
		pthread_mutex_lock(&t->lock);
		t->stop = true;
		pthread_mutex_unlock(&t->lock);
		wake(t);
		pthread_join(t->id, NULL);
		t->running = false;
		return;
	}
	if (!t->m)
		return;
	while (t->legs_len) {
		struct leg *leg = t->legs[t->legs_len - 1];
		thread_remove_leg(t, leg);
		leg_free(leg);
	}
	drop_all(t, &t->waiting);
	drop_all(t, &t->incoming);
	drop_all(t, &t->adopted);
	free(t->legs);
	free(t->playing);
	if (t->epoll >= 0)
		close(t->epoll);
	if (t->wake >= 0)
		close(t->wake);
	pthread_mutex_destroy(&t->lock);
	*t = (struct thread){.epoll = -1, .wake = -1};
}
