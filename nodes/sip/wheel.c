#include "nodes/sip/wheel.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <sys/socket.h>
#include <netinet/in.h>
#include <re.h>

#include "common/base/base.h"

static uint64_t tick_now(void)
{
	return mono_us() / (WHEEL_TICK_MS * 1000u);
}

static void list_reset(struct wheel_node *head)
{
	head->prev = head->next = head;
}

static void list_add(struct wheel_node *head, struct wheel_node *n)
{
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}

static void list_del(struct wheel_node *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	n->prev = n->next = NULL;
}

/* The descriptor ticks only while something is armed, so an idle node sleeps. */
static void ticking_set(struct wheel *w, bool on)
{
	long ns = on ? WHEEL_TICK_MS * 1000000L : 0;
	struct itimerspec its = {.it_interval = {.tv_nsec = ns}, .it_value = {.tv_nsec = ns}};
	helio_assert(timerfd_settime(w->fd, 0, &its, NULL) == 0);
}

static void slot_visit(struct wheel *w, uint64_t tick)
{
	struct wheel_node *head = &w->slot[tick % WHEEL_SLOTS], due;
	list_reset(&due);
	for (struct wheel_node *n = head->next, *next; n != head; n = next) {
		next = n->next;
		if (n->due_tick > tick)
			continue;
		list_del(n);
		list_add(&due, n);
	}
	/* A handler may cancel any other node, also one that waits here: each is taken from the
	 * head anew. */
	while (due.next != &due) {
		struct wheel_node *n = due.next;
		list_del(n);
		n->armed = false;
		w->armed_n--;
		n->h(n->arg);
	}
}

static void tick_handler(int flags, void *arg)
{
	struct wheel *w = arg;
	uint64_t expired, now = tick_now();
	(void)flags;
	if (read(w->fd, &expired, sizeof(expired)) < 0 && errno != EAGAIN)
		return;
	/* After a stall of more than a round every slot is due once, not many times. */
	if (now > w->tick + WHEEL_SLOTS)
		w->tick = now - WHEEL_SLOTS;
	while (w->tick < now) {
		w->tick++;
		slot_visit(w, w->tick);
	}
	if (w->armed_n == 0)
		ticking_set(w, false);
}

int wheel_open(struct wheel *w)
{
	memset(w, 0, sizeof(*w));
	for (size_t i = 0; i < WHEEL_SLOTS; i++)
		list_reset(&w->slot[i]);
	w->tick = tick_now();
	w->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (w->fd < 0)
		return errno;
	int err = fd_listen(w->fd, FD_READ, tick_handler, w);
	if (err) {
		(void)close(w->fd);
		w->fd = -1;
	}
	return err;
}

void wheel_close(struct wheel *w)
{
	if (w->fd < 0)
		return;
	fd_close(w->fd);
	(void)close(w->fd);
	w->fd = -1;
}

void wheel_arm(struct wheel *w, struct wheel_node *n, uint32_t delay_ms, wheel_h *h, void *arg)
{
	wheel_cancel(w, n);
	if (w->armed_n++ == 0) {
		w->tick = tick_now();
		ticking_set(w, true);
	}
	/* Rounded up, and one more: the present tick is already under way. */
	n->due_tick = tick_now() + (delay_ms + WHEEL_TICK_MS - 1) / WHEEL_TICK_MS + 1;
	n->h = h;
	n->arg = arg;
	n->armed = true;
	list_add(&w->slot[n->due_tick % WHEEL_SLOTS], n);
}

void wheel_cancel(struct wheel *w, struct wheel_node *n)
{
	if (!n->armed)
		return;
	list_del(n);
	n->armed = false;
	w->armed_n--;
}
