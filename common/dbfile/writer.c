#include "common/dbfile/writer.h"

#include <signal.h>
#include <time.h>

int dbfile_writer_start(struct dbfile_writer *w, void *(*main_h)(void *arg), void *arg)
{
	pthread_condattr_t attr;
	sigset_t all, old;

	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	pthread_condattr_destroy(&attr);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int err = pthread_create(&w->thread, NULL, main_h, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err) {
		pthread_cond_destroy(&w->wake);
		pthread_mutex_destroy(&w->lock);
	}
	return err;
}

void dbfile_writer_stop(struct dbfile_writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
}

void dbfile_writer_pause(struct dbfile_writer *w, long ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ms * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	/* What is new wakes it too early: the deadline stands, or a full disk is tried at each. */
	while (!w->stop && !pthread_cond_timedwait(&w->wake, &w->lock, &until))
		;
}
