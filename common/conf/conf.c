#include "common/conf/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/acd/acd.h"
#include "common/base/base.h"
#include "common/conf/options.h"

struct conf *conf_free(struct conf *conf)
{
	if (!conf)
		return NULL;
	if (!conf->daemons_borrowed)
		free(conf->daemons);
	free(conf->queues);
	conf_calendars_free(conf);
	free(conf->agents);
	free(conf->files);
	free(conf);
	return NULL;
}

const struct conf_daemon *conf_daemon_by_name(const struct conf *conf, const char *name)
{
	for (uint32_t i = 0; i < conf->daemons_n; i++)
		if (!strcmp(conf->daemons[i].name, name))
			return &conf->daemons[i];
	return NULL;
}

const struct conf_daemon *conf_daemon_by_addr(const struct conf *conf, uint16_t addr)
{
	const struct conf_site *site = conf_site_by_number(conf, addr_site(addr));

	for (uint32_t i = 0; site && i < site->daemons_n; i++)
		if (conf->daemons[site->first + i].addr == addr)
			return &conf->daemons[site->first + i];
	return NULL;
}

const struct conf_site *conf_site_by_number(const struct conf *conf, unsigned number)
{
	for (uint32_t i = 0; i < conf->sites_n; i++)
		if (conf->sites[i].number == number)
			return &conf->sites[i];
	return NULL;
}

const struct conf_site *conf_site_by_name(const struct conf *conf, const char *name)
{
	for (uint32_t i = 0; i < conf->sites_n; i++)
		if (!strcmp(conf->sites[i].name, name))
			return &conf->sites[i];
	return NULL;
}

const struct conf_queue *conf_queue_by_name(const struct conf *conf, const char *name)
{
	for (uint32_t i = 0; i < conf->queues_n; i++)
		if (!strcmp(conf->queues[i].name, name))
			return &conf->queues[i];
	return NULL;
}

const struct conf_queue *conf_queue_by_id(const struct conf *conf, uint32_t id)
{
	for (uint32_t i = 0; i < conf->queues_n; i++)
		if (conf->queues[i].id == id)
			return &conf->queues[i];
	return NULL;
}

void *conf_by_queue(const struct conf *was, const struct conf *fresh, const void *table, size_t size)
{
	unsigned char *v = calloc(fresh->queues_n + 1u, size);

	for (uint32_t i = 0; v && i < fresh->queues_n; i++) {
		const struct conf_queue *q = conf_queue_by_id(was, fresh->queues[i].id);
		if (q)
			memcpy(v + i * size,
			       (const unsigned char *)table + (size_t)(q - was->queues) * size, size);
	}
	return v;
}

const struct conf_agent *conf_agent_by_id(const struct conf *conf, uint64_t id)
{
	uint32_t lo = 0, hi = conf->agents_n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (conf->agents[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < conf->agents_n && conf->agents[lo].id == id ? &conf->agents[lo] : NULL;
}

const struct conf_agent *conf_agent_by_name(const struct conf *conf, const char *name)
{
	const struct conf_agent *a = conf_agent_by_id(conf, hash_str(name));

	return a && !strcmp(a->name, name) ? a : NULL;
}

char *conf_id_format(const struct conf *conf, char *buf, uint64_t id)
{
	const struct conf_daemon *d = conf_daemon_by_addr(conf, id_addr(id));

	return id_format(buf, id, d ? d->name : NULL);
}

int conf_id_parse(const struct conf *conf, const char *s, uint64_t *ret_id)
{
	char name[CONF_NAME_SIZE];
	uint32_t boot, seq;

	if (id_parse(s, name, sizeof(name), &boot, &seq))
		return EINVAL;
	const struct conf_daemon *d = conf_daemon_by_name(conf, name);
	uint16_t addr = d ? d->addr : 0;
	if (!d) {
		/* As conf_id_format() writes a daemon that has left the file: "1.64". */
		char *end;
		unsigned long site = strtoul(name, &end, 10), ordinal;
		if (end == name || *end != '.' || site < 1 || site > 254)
			return EINVAL;
		const char *p = end + 1;
		ordinal = strtoul(p, &end, 10);
		if (end == p || *end || ordinal < 1 || ordinal > 255)
			return EINVAL;
		addr = addr_make((unsigned)site, (unsigned)ordinal);
	}
	*ret_id = id_make(addr, boot, seq);
	return 0;
}

uint32_t conf_skills_mark(const struct conf *conf)
{
	uint64_t h = 1;

	for (uint32_t i = 0; i < conf->skills_n; i++)
		h = h * 1099511628211u + hash_str(conf->skills[i]);
	h ^= h >> 32;
	return (uint32_t)h ? (uint32_t)h : 1;
}

static int make_dir(const char *path)
{
	struct stat st;

	if (!mkdir(path, 0700))
		return 0;
	if (errno != EEXIST)
		return errno;
	return stat(path, &st) ? errno : S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
}

int conf_state_path(const struct conf *conf, const struct conf_daemon *d,
		    char ret_path[CONF_PATH_SIZE])
{
	char path[CONF_PATH_SIZE + CONF_NAME_SIZE + 1];
	int n = snprintf(path, sizeof(path), "%s/%s", conf->state_dir, d->name);

	if (n < 0 || n >= CONF_PATH_SIZE)
		return ENAMETOOLONG;
	int err = make_dir(conf->state_dir);
	if (!err)
		err = make_dir(path);
	if (!err)
		memcpy(ret_path, path, (size_t)n + 1);
	return err;
}

/* Nobody is kept on the line to hear nothing. */
static uint32_t closed_after_ms(const struct conf_queue *q)
{
	bool told = q->closed_to == ACD_CLOSED_ANNOUNCE || *q->closed_announcement;

	return told ? q->closed_after_ms : 0;
}

int conf_acd_queues(const struct conf *conf, struct acd_queue_conf **ret_queues, uint32_t *ret_n)
{
	struct acd_queue_conf *list = calloc(conf->queues_n + 1u, sizeof(*list));

	if (!list)
		return ENOMEM;
	for (uint32_t i = 0; i < conf->queues_n; i++) {
		const struct conf_queue *q = &conf->queues[i];
		list[i] = (struct acd_queue_conf){
		    .id = {q->id},
		    .skills = {q->skills},
		    .levels = q->levels,
		    .priority = q->priority,
		    .strategy = q->strategy,
		    .relax_n = q->relax_n,
		    .ageing_ms = q->ageing_ms,
		    .max_length = q->max_length,
		    .max_wait_ms = q->max_wait_to ? q->task_after_ms : q->max_wait_ms,
		    .max_wait_to = q->max_wait_to,
		    .missed_limit = q->missed_limit,
		    .overflow_longer = q->overflow_longer,
		    .overflow_ewt_ms = q->overflow_ewt_ms,
		    .overflow_no_idle = q->overflow_no_idle,
		    .overflow_timed = q->overflow_timed,
		    .overflow_after_ms = q->overflow_after_ms,
		    .remote_handicap_ms = q->remote_handicap_ms,
		    .wrap_up_ms = q->wrap_up_ms,
		    .ring_timeout_ms = q->ring_timeout_ms,
		    .group_max = q->group_max,
		    .weight = (uint16_t)q->weight,
		    .overflow_closed = q->overflow_closed,
		    .closed_to = q->closed_to,
		    .closed_after_ms = closed_after_ms(q),
		    .wants = q->route_n > 0,
		    .pref_n = q->pref_n,
		    .closed = q->closed,
		};
		memcpy(list[i].relax, q->relax, sizeof(q->relax));
		for (uint32_t k = 0; k < q->pref_n; k++)
			list[i].pref[k].bits = q->pref[k];
	}
	*ret_queues = list;
	*ret_n = conf->queues_n;
	return 0;
}
