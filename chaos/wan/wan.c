#include "chaos/wan/wan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

struct packet {
	uint64_t due_us, came_us, seq; /* seq: those due at the same time leave as they came */
	uint32_t from, to, n;
	uint8_t data[WAN_PACKET_MAX];
};

struct link {
	struct wan_rule rule;
	struct wan_counts counts;
	uint64_t rng;
	uint64_t last_due_us; /* order is kept unless a rule breaks it */
	uint64_t free_us;     /* when the line has sent what it was given (rate_kbps) */
};

struct wan {
	uint32_t sites;
	uint64_t seq;
	struct link link[WAN_SITES_MAX][WAN_SITES_MAX];
	struct packet *pool;
	uint32_t heap[WAN_PACKETS], heap_n;
	uint32_t spare[WAN_PACKETS], spare_n;
	uint32_t lent; /* what wan_next() gave last, UINT32_MAX: nothing */
};

/* splitmix64 */
static uint64_t rng_next(uint64_t *s)
{
	uint64_t z = *s += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static bool chance(struct link *l, uint32_t of_10000)
{
	return rng_next(&l->rng) % 10000 < of_10000;
}

int wan_new(struct wan **ret, uint32_t sites, uint64_t seed)
{
	if (sites < 2 || sites > WAN_SITES_MAX)
		return EINVAL;
	struct wan *w = calloc(1, sizeof(*w));
	if (w)
		w->pool = malloc(WAN_PACKETS * sizeof(*w->pool));
	if (!w || !w->pool) {
		free(w);
		return ENOMEM;
	}
	w->sites = sites;
	w->lent = UINT32_MAX;
	for (uint32_t i = 0; i < WAN_PACKETS; i++)
		w->spare[i] = WAN_PACKETS - 1 - i;
	w->spare_n = WAN_PACKETS;
	for (uint32_t a = 0; a < sites; a++)
		for (uint32_t b = 0; b < sites; b++) {
			w->link[a][b].rng = seed * 1000003 + a * 1009 + b;
			(void)rng_next(&w->link[a][b].rng);
		}
	*ret = w;
	return 0;
}

struct wan *wan_free(struct wan *w)
{
	if (w)
		free(w->pool);
	free(w);
	return NULL;
}

void wan_rule_set(struct wan *w, uint32_t from, uint32_t to, const struct wan_rule *rule)
{
	helio_assert(from < w->sites && to < w->sites);
	w->link[from][to].rule = *rule;
}

const struct wan_rule *wan_rule_get(const struct wan *w, uint32_t from, uint32_t to)
{
	helio_assert(from < w->sites && to < w->sites);
	return &w->link[from][to].rule;
}

const struct wan_counts *wan_counts_get(const struct wan *w, uint32_t from, uint32_t to)
{
	helio_assert(from < w->sites && to < w->sites);
	return &w->link[from][to].counts;
}

/* ---- the heap, soonest first ------------------------------------------------------------- */

static bool sooner(const struct wan *w, uint32_t a, uint32_t b)
{
	const struct packet *p = &w->pool[a], *q = &w->pool[b];
	return p->due_us != q->due_us ? p->due_us < q->due_us : p->seq < q->seq;
}

static void swap(struct wan *w, uint32_t i, uint32_t j)
{
	uint32_t t = w->heap[i];
	w->heap[i] = w->heap[j];
	w->heap[j] = t;
}

static void heap_push(struct wan *w, uint32_t slot)
{
	uint32_t i = w->heap_n++;
	w->heap[i] = slot;
	for (; i && sooner(w, w->heap[i], w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(w, i, (i - 1) / 2);
}

static uint32_t heap_pop(struct wan *w)
{
	uint32_t top = w->heap[0], i = 0;
	w->heap[0] = w->heap[--w->heap_n];
	for (;;) {
		uint32_t l = 2 * i + 1, m = i;
		if (l < w->heap_n && sooner(w, w->heap[l], w->heap[m]))
			m = l;
		if (l + 1 < w->heap_n && sooner(w, w->heap[l + 1], w->heap[m]))
			m = l + 1;
		if (m == i)
			return top;
		swap(w, i, m);
		i = m;
	}
}

/* ---- packets ----------------------------------------------------------------------------- */

static uint64_t due_at(struct link *l, uint64_t now_us, size_t n)
{
	const struct wan_rule *r = &l->rule;
	uint64_t start = now_us;
	if (r->rate_kbps) {
		start = l->free_us > now_us ? l->free_us : now_us;
		start += (uint64_t)n * 8000 / r->rate_kbps;
		l->free_us = start;
	}
	if (r->reorder && chance(l, r->reorder)) {
		l->counts.reordered++;
		return start;
	}
	uint64_t due = start + r->delay_us;
	if (r->jitter_us)
		due += rng_next(&l->rng) % (r->jitter_us + 1u);
	/* A queue jitters, it does not overtake; where order shall break, reorder says so. */
	if (due < l->last_due_us && l->last_due_us - now_us < WAN_DELAY_MAX_MS * 2000u)
		due = l->last_due_us;
	l->last_due_us = due;
	return due;
}

/* The header stays: a packet that finds no receiver would be one that was lost. The checksum of
 * what it carries finds it out, or it does not. */
static void corrupt(struct link *l, struct packet *p)
{
	enum { HEADER = 20 };
	if (p->n <= HEADER || !chance(l, l->rule.corrupt))
		return;
	uint64_t bit = rng_next(&l->rng) % ((p->n - HEADER) * 8u);
	p->data[HEADER + bit / 8] ^= (uint8_t)(1u << bit % 8);
	l->counts.corrupted++;
}

static void put(struct wan *w, uint32_t from, uint32_t to, uint64_t now_us, const void *packet,
		size_t n)
{
	struct link *l = &w->link[from][to];
	if (w->spare_n == 0) {
		l->counts.overflow++;
		return;
	}
	uint32_t slot = w->spare[--w->spare_n];
	struct packet *p = &w->pool[slot];
	p->came_us = now_us;
	p->due_us = due_at(l, now_us, n);
	p->seq = w->seq++;
	p->from = from;
	p->to = to;
	p->n = (uint32_t)n;
	memcpy(p->data, packet, n);
	if (l->rule.corrupt)
		corrupt(l, p);
	l->counts.delayed += p->due_us > now_us;
	heap_push(w, slot);
}

void wan_submit(struct wan *w, uint32_t from, uint32_t to, uint64_t now_us, const void *packet,
		size_t n)
{
	helio_assert(from < w->sites && to < w->sites);
	struct link *l = &w->link[from][to];
	l->counts.packets++;
	l->counts.bytes += n;
	if (n == 0 || n > WAN_PACKET_MAX) {
		l->counts.overflow++;
	} else if (l->rule.cut) {
		l->counts.cut++;
	} else if (l->rule.loss && chance(l, l->rule.loss)) {
		l->counts.lost++;
	} else {
		put(w, from, to, now_us, packet, n);
		if (l->rule.duplicate && chance(l, l->rule.duplicate)) {
			l->counts.duplicated++;
			put(w, from, to, now_us, packet, n);
		}
	}
}

static void lent_return(struct wan *w)
{
	if (w->lent != UINT32_MAX)
		w->spare[w->spare_n++] = w->lent;
	w->lent = UINT32_MAX;
}

size_t wan_next(struct wan *w, uint64_t now_us, uint32_t *ret_to, const void **ret_packet)
{
	lent_return(w);
	while (w->heap_n && w->pool[w->heap[0]].due_us <= now_us) {
		w->lent = heap_pop(w);
		const struct packet *p = &w->pool[w->lent];
		struct link *l = &w->link[p->from][p->to];
		/* A cut also takes what is under way: a severed cable does. */
		if (l->rule.cut) {
			l->counts.cut++;
			lent_return(w);
			continue;
		}
		l->counts.delivered++;
		if (now_us - p->came_us > l->counts.delay_max_us)
			l->counts.delay_max_us = now_us - p->came_us;
		*ret_to = p->to;
		*ret_packet = p->data;
		return p->n;
	}
	return 0;
}

uint64_t wan_deadline(const struct wan *w)
{
	return w->heap_n ? w->pool[w->heap[0]].due_us : UINT64_MAX;
}
