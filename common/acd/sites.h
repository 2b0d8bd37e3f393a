/* Other sites: what they advertise (advert.c), and which of them answers a queue now (hours.c). */
#ifndef HELIO_ACD_SITES_H
#define HELIO_ACD_SITES_H

#include "common/acd/pool.h"

/* What a broker of another site said about one queue. */
struct slot {
	struct hnode node; /* in queue.slots while budget > 0 */
	uint64_t version, idle_version;
	uint32_t boot, idle_boot;
	uint32_t count, budget;
	struct key key;
	acd_time_us heard, idle_heard;
	uint32_t idle_count;
	int64_t idle_since;
	uint32_t want; /* our last `wanted` to it */
};

struct peer {
	struct acd_addr addr; /* a broker of another site */
};

/* What the shell said of a queue at a site. */
struct site_hours {
	acd_time_us until; /* it opens or closes then; 0: not known */
	uint16_t permille;
};

/* advert.c */
void advert_demand_changed(struct acd *acd, uint32_t queue);
/* A caller came, or came back. */
void advert_caller_came(struct acd *acd, uint32_t queue);
void advert_idle_changed(struct acd *acd, uint32_t need);
void advert_tick(struct acd *acd);
void advert_timer(struct acd *acd, uint32_t queue, bool idle);
bool advert_some(struct acd *acd);
void advert_distrust(struct acd *acd, struct acd_addr broker);
bool slot_alive(const struct acd *acd, const struct slot *s);
/* The best caller of a queue that another site may have; NIL if none. */
uint32_t queue_head_abroad(const struct acd *acd, uint32_t q);
/* After the weights of a stage here, or of the sites that may take it, changed. */
void advert_hours_changed(struct acd *acd, uint32_t q);

/* hours.c */
void hours_init(struct acd *acd, const struct acd_conf *conf); /* counts the sites */
void hours_start(struct acd *acd);
enum acd_verdict ev_hours(struct acd *acd, const struct acd_event *ev);
uint16_t hours_weight(const struct acd *acd, uint32_t q, uint8_t site);
/* Who waits in it ends now, by its rule … */
bool hours_end_call(const struct acd *acd, uint32_t q);
enum acd_outcome closed_outcome(uint8_t closed);
void hours_why(const struct acd *acd, uint32_t q, acd_time_us now, struct acd_why *ret);
void hours_copy(struct acd *acd, const struct acd *old);

#endif
