/* The thread of a file that is written behind its caller's back: a lock, a condition, its end. */
#ifndef HELIO_DBFILE_WRITER_H
#define HELIO_DBFILE_WRITER_H

#include <pthread.h>
#include <stdbool.h>

struct dbfile_writer {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake; /* measures with CLOCK_MONOTONIC */
	bool stop;           /* under the lock: write what waits, then end */
};

/* w is zeroed. The thread gets no signals: they are the loop's. errno. */
int dbfile_writer_start(struct dbfile_writer *w, void *(*main_h)(void *arg), void *arg);
/* Returns when the thread has ended. */
void dbfile_writer_stop(struct dbfile_writer *w);
/* On the thread, with the lock held: so long, whatever wakes it; ends early only for the stop. */
void dbfile_writer_pause(struct dbfile_writer *w, long ms);

#endif
