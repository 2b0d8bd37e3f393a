/*
 * Faults: each begins, bites (which is proven by a counter or by what the kernel says), and heals
 * by itself: when its time is over, when the connection that asked for it ends, or with the keeper.
 *
 *   kinds[] ── begin ─► bitten? (asked twice a second) ─► heal
 */
#include "chaos/lab/faults_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

enum { LOOK_US = 500000 }; /* how often a fault is asked whether it has bitten */

fault_event_h *fault_event;

static void tell(struct lab *lab, struct fault *f, const char *phase, const char *why)
{
	if (!fault_event)
		return;
	json_t *o = json_pack("{ss ss si ss ss sI so}", "event", "fault", "phase", phase, "id",
			      (int)f->id, "kind", f->kind->name, "target", f->target, "mono_us",
			      (json_int_t)mono_us(), "args", json_deep_copy(f->args));
	if (why)
		json_object_set_new(o, "why", json_string(why));
	json_object_set_new(o, "bitten", json_boolean(f->bitten));
	if (f->proof)
		json_object_set(o, "proof", f->proof);
	fault_event(lab, o);
}

void fault_prove(struct fault *f, const char *key, json_int_t v)
{
	if (!f->proof)
		f->proof = json_object();
	json_object_set_new(f->proof, key, json_integer(v));
}

/* ---- the table --------------------------------------------------------------------------- */

static const struct fault_kind kinds[] = {
    {"kill", fault_kill_begin, fault_kill_bitten, fault_start_again, false},
    {"restart", fault_restart_begin, fault_restart_bitten, NULL, true},
    {"upgrade", fault_upgrade_begin, fault_upgrade_bitten, NULL, true},
    {"freeze", fault_freeze_begin, fault_freeze_bitten, fault_freeze_heal, false},
    {"slow", fault_slow_begin, fault_slow_bitten, fault_slow_heal, false},
    {"machine_lost", fault_machine_begin, fault_machine_bitten, fault_machine_heal, false},
    {"suspend", fault_suspend_begin, fault_freeze_bitten, fault_freeze_heal, false},
    {"unplug", fault_unplug_begin, fault_unplug_bitten, fault_unplug_heal, false},
    {"cut", fault_cut_begin, fault_link_bitten, fault_link_heal, false},
    {"link", fault_link_begin, fault_link_bitten, fault_link_heal, false},
    {"disk_full", fault_fill_begin, fault_fill_bitten, fault_fill_heal, false},
    {"clock_jump", fault_clock_begin, fault_clock_bitten, fault_clock_heal, false},
    {"redis_flush", fault_flush_begin, fault_flush_bitten, NULL, true},
    {"redis_failover", fault_failover_begin, fault_failover_bitten, NULL, true},
};

static void look(struct lab *lab, struct fault *f)
{
	bool was = f->bitten;
	f->bitten = f->kind->bitten(lab, f) || was;
	if (f->bitten && !was)
		tell(lab, f, "bitten", NULL);
}

static void end(struct lab *lab, struct fault *f, const char *why)
{
	look(lab, f);
	if (f->kind->heal)
		f->kind->heal(lab, f);
	f->on = false;
	tell(lab, f, "healed", why);
	json_decref(f->args);
	json_decref(f->links);
	json_decref(f->proof);
}

void faults_open(struct lab *lab)
{
	lab->faults = calloc(LAB_FAULTS_MAX, sizeof(*lab->faults));
	helio_assert(lab->faults);
}

static json_t *refused(const struct lab *lab)
{
	return json_pack("{sb ss}", "ok", 0, "error", lab->why);
}

json_t *fault_begin(struct lab *lab, const json_t *req, int owner)
{
	const char *kind = json_string_value(json_object_get(req, "kind"));
	const char *target = json_string_value(json_object_get(req, "target"));
	double for_s = json_number_value(json_object_get(req, "for_s"));
	struct fault *f = NULL;
	const struct fault_kind *k = NULL;
	for (size_t i = 0; kind && i < HELIO_ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].name, kind) == 0)
			k = &kinds[i];
	for (uint32_t i = 0; i < LAB_FAULTS_MAX && !f; i++)
		if (!lab->faults[i].on)
			f = &lab->faults[i];
	if (!k || !f) {
		(void)lab_fail(lab, EINVAL, k ? "too many faults at once" : "no fault is called %s",
			       kind ? kind : "(none)");
		return refused(lab);
	}
	*f = (struct fault){.id = ++lab->fault_next, .owner = owner, .kind = k, .machine = -1};
	(void)str_copy(f->target, sizeof(f->target), target ? target : "");
	json_t *args = json_object_get(req, "args");
	f->args = json_is_object(args) ? json_deep_copy(args) : json_object();
	f->begun_us = mono_us();
	f->until_us = for_s > 0 ? f->begun_us + (uint64_t)(for_s * 1e6) : UINT64_MAX;
	f->look_us = f->begun_us + LOOK_US / 10;
	int err = k->begin(lab, f);
	if (err) {
		if (k->heal && strcmp(k->name, "clock_jump") != 0 && f->machine >= -1 && f->links)
			k->heal(lab, f);
		json_decref(f->args);
		json_decref(f->links);
		return refused(lab);
	}
	f->on = true;
	tell(lab, f, "begun", NULL);
	return json_pack("{sb si}", "ok", 1, "id", (int)f->id);
}

json_t *fault_heal(struct lab *lab, uint32_t id, const char *why)
{
	for (uint32_t i = 0; i < LAB_FAULTS_MAX; i++) {
		struct fault *f = &lab->faults[i];
		if (!f->on || f->id != id)
			continue;
		end(lab, f, why);
		return json_pack("{sb}", "ok", 1);
	}
	return json_pack("{sb ss}", "ok", 0, "error", "no such fault is on");
}

json_t *faults_json(struct lab *lab)
{
	json_t *list = json_array();
	for (uint32_t i = 0; i < LAB_FAULTS_MAX; i++) {
		struct fault *f = &lab->faults[i];
		if (f->on)
			json_array_append_new(list, json_pack("{si ss ss sb}", "id", (int)f->id,
							      "kind", f->kind->name, "target",
							      f->target, "bitten", f->bitten));
	}
	return list;
}

void faults_owner_gone(struct lab *lab, int owner)
{
	for (uint32_t i = 0; i < LAB_FAULTS_MAX; i++)
		if (lab->faults[i].on && lab->faults[i].owner == owner)
			end(lab, &lab->faults[i], "the tool that asked for it is gone");
}

void faults_heal_all(struct lab *lab, const char *why)
{
	for (uint32_t i = 0; i < LAB_FAULTS_MAX; i++)
		if (lab->faults[i].on)
			end(lab, &lab->faults[i], why);
}

uint64_t faults_tick(struct lab *lab, uint64_t now)
{
	uint64_t next = UINT64_MAX;
	for (uint32_t i = 0; i < LAB_FAULTS_MAX; i++) {
		struct fault *f = &lab->faults[i];
		if (!f->on)
			continue;
		if (f->percent)
			fault_slow_turn(lab, f, now);
		if (now >= f->look_us) {
			if (!f->bitten || f->kind->begin == fault_link_begin ||
			    f->kind->begin == fault_cut_begin)
				look(lab, f);
			f->look_us = now + LOOK_US;
		}
		if (now >= f->until_us || (f->kind->once && f->bitten)) {
			end(lab, f, now >= f->until_us ? "its time is over" : "done");
			continue;
		}
		uint64_t at = f->look_us < f->until_us ? f->look_us : f->until_us;
		if (f->percent && f->turn_us < at)
			at = f->turn_us;
		if (at < next)
			next = at;
	}
	return next;
}
