#include "nodes/wall/table.h"
#include "common/base/base.h"
#include "common/conf/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct wall_book {
	const struct conf *conf;
	struct wall_table rows;
};

/* A head whose age was read a moment apart is the same head. */
enum { HEAD_SAME_US = 100000 };

int wall_book_new(struct wall_book **ret, const struct conf *conf)
{
	struct wall_book *b = calloc(1, sizeof(*b));
	if (!b || wall_table_open(&b->rows)) {
		free(b);
		return ENOMEM;
	}
	b->conf = conf;
	*ret = b;
	return 0;
}

struct wall_book *wall_book_free(struct wall_book *b)
{
	if (b)
		wall_table_close(&b->rows);
	free(b);
	return NULL;
}

static bool agent_same(const struct wall_agent *a, const struct wall_agent *b)
{
	return a->session == b->session && a->login_no == b->login_no && a->call == b->call &&
	       a->since_us == b->since_us && a->queue == b->queue && a->state == b->state &&
	       a->reason == b->reason;
}

void wall_book_agent(struct wall_book *b, const struct wall_agent *a)
{
	struct wall_row *row = wall_table_make(&b->rows, WALL_AGENT, a->agent);
	if (!row || (row->version && agent_same(&row->agent, a)))
		return;
	row->agent = *a;
	wall_table_touch(&b->rows, row);
}

static bool head_same(uint64_t a, uint64_t b)
{
	return (a == 0) == (b == 0) && a - b + HEAD_SAME_US <= 2 * HEAD_SAME_US;
}

void wall_book_queue(struct wall_book *b, const struct wall_queue *q)
{
	static const struct wall_figures none;
	struct wall_row *row = wall_table_find(&b->rows, WALL_QUEUE, q->queue);
	if (!row && !q->waiting && memcmp(&q->day, &none, sizeof(none)) == 0)
		return; /* a queue in which nothing has happened here says nothing */
	row = row ? row : wall_table_make(&b->rows, WALL_QUEUE, q->queue);
	if (!row || (row->version && row->queue.waiting == q->waiting &&
		     row->queue.ewt_ms == q->ewt_ms && row->queue.ewt_error_ms == q->ewt_error_ms &&
		     head_same(row->queue.head_us, q->head_us) &&
		     memcmp(&row->queue.day, &q->day, sizeof(q->day)) == 0))
		return;
	row->queue = *q;
	wall_table_touch(&b->rows, row);
}

static uint32_t age_ms(uint64_t since_us, uint64_t now_us)
{
	uint64_t ms = since_us && now_us > since_us ? (now_us - since_us) / 1000 : 0;
	return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

static bool agent_put(WallNews *news, const struct wall_agent *a, uint64_t now_us)
{
	if (news->agents_count == HELIO_ARRAY_LEN(news->agents))
		return false;
	news->agents[news->agents_count++] = (WallAgent){
	    .agent = a->agent,
	    .session = a->session,
	    .login_no = a->login_no,
	    .call = a->call,
	    .queue = a->queue,
	    .state = a->state,
	    .reason = a->reason,
	    .since_ms = age_ms(a->since_us, now_us),
	};
	return true;
}

static bool queue_put(WallNews *news, const struct wall_queue *q, uint64_t now_us)
{
	if (news->queues_count == HELIO_ARRAY_LEN(news->queues))
		return false;
	news->queues[news->queues_count++] = (WallQueue){
	    .queue = q->queue,
	    .waiting = q->waiting,
	    .longest_ms = age_ms(q->head_us, now_us),
	    .entered = q->day.entered,
	    .answered = q->day.answered,
	    .in_time = q->day.in_time,
	    .abandoned = q->day.abandoned,
	    .wait_ms = q->day.wait_ms,
	    .ewt_ms = q->ewt_ms,
	    .ewt_error_ms = q->ewt_error_ms,
	};
	return true;
}

bool wall_book_news(const struct wall_book *b, uint64_t *have, uint64_t now_us, WallNews *ret)
{
	const struct wall_row *row;
	*ret = (WallNews)WallNews_init_zero;
	if (*have > b->rows.version)
		*have = 0; /* of another life, or nonsense: everything anew */
	ret->after = ret->upto = *have;
	for (row = wall_table_after(&b->rows, *have); row; row = row->newer) {
		bool fits = row->kind == WALL_AGENT ? agent_put(ret, &row->agent, now_us)
						    : queue_put(ret, &row->queue, now_us);
		if (!fits)
			break;
		ret->upto = row->version;
	}
	*have = ret->upto;
	return ret->upto != ret->after;
}
