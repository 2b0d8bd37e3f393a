/* What the benches are held against: the same work with nothing of ours around it. */
#ifndef HELIO_BENCH_FLOOR_H
#define HELIO_BENCH_FLOOR_H

#include <stddef.h>

/* Each prints one JSON object on a line and returns an exit status. */
int floor_call(int calls, int per_s);
int floor_chain(int hops, int messages, int per_s);
int floor_seal(int bytes, int window, int ms);
int floor_memory(int calls, int bytes);

#endif
