/* Texts that stay: logs, JSON, traces and the browser's protocol use them. */
#include "common/acd/acd_internal.h"

#define NAME(table, i) ((i) < HELIO_ARRAY_LEN(table) && (table)[i] ? (table)[i] : "?")

const char *acd_call_state_name(uint8_t state)
{
	static const char *const names[] = {
	    [ACD_CALL_NONE] = "none",
	    [ACD_CALL_QUEUED] = "queued",
	    [ACD_CALL_GRANTED] = "granted",
	    [ACD_CALL_BRIDGED] = "bridged",
	    [ACD_CALL_AWAIT_AGENT] = "await_agent",
	    [ACD_CALL_ENDED] = "ended",
	};
	return NAME(names, state);
}

const char *acd_agent_state_name(uint8_t state)
{
	static const char *const names[] = {
	    [ACD_AGENT_OFF] = "off",         [ACD_AGENT_NOT_READY] = "not_ready",
	    [ACD_AGENT_IDLE] = "idle",       [ACD_AGENT_RESERVED] = "reserved",
	    [ACD_AGENT_RINGING] = "ringing", [ACD_AGENT_COMMITTED] = "committed",
	    [ACD_AGENT_TALKING] = "talking", [ACD_AGENT_WRAP] = "wrap",
	    [ACD_AGENT_GRACE] = "grace",
	};
	return NAME(names, state);
}

const char *acd_outcome_name(uint8_t outcome)
{
	static const char *const names[] = {
	    [ACD_OUTCOME_NONE] = "none",           [ACD_OUTCOME_ANSWERED] = "answered",
	    [ACD_OUTCOME_ABANDONED] = "abandoned", [ACD_OUTCOME_CALLBACK] = "callback",
	    [ACD_OUTCOME_VOICEMAIL] = "voicemail", [ACD_OUTCOME_OVERFLOW_OUT] = "overflow_out",
	    [ACD_OUTCOME_FAILED] = "failed",
	};
	return NAME(names, outcome);
}

const char *acd_cause_name(uint8_t cause)
{
	static const char *const names[] = {
	    [ACD_CAUSE_NONE] = "none",
	    [ACD_CAUSE_CALLER_HUNG_UP] = "caller_hung_up",
	    [ACD_CAUSE_AGENT_HUNG_UP] = "agent_hung_up",
	    [ACD_CAUSE_AGENT_REJECTED] = "agent_rejected",
	    [ACD_CAUSE_AGENT_NO_ANSWER] = "agent_no_answer",
	    [ACD_CAUSE_AGENT_GONE] = "agent_gone",
	    [ACD_CAUSE_AGENT_BUSY] = "agent_busy",
	    [ACD_CAUSE_AGENT_NOT_IDLE] = "agent_not_idle",
	    [ACD_CAUSE_CALL_GONE] = "call_gone",
	    [ACD_CAUSE_QUEUE_EMPTY] = "queue_empty",
	    [ACD_CAUSE_STALE] = "stale",
	    [ACD_CAUSE_TIMEOUT] = "timeout",
	    [ACD_CAUSE_MEDIA_FAILED] = "media_failed",
	    [ACD_CAUSE_KEEP_LOST] = "keep_lost",
	    [ACD_CAUSE_DRAINING] = "draining",
	    [ACD_CAUSE_FORCED] = "forced",
	    [ACD_CAUSE_LIMIT] = "limit",
	    [ACD_CAUSE_FENCED] = "fenced",
	    [ACD_CAUSE_CLOSED] = "closed",
	};
	return NAME(names, cause);
}

const char *acd_reason_name(uint8_t reason)
{
	static const char *const names[] = {
	    [ACD_REASON_NONE] = "none",   [ACD_REASON_SIGNED_IN] = "signed_in",
	    [ACD_REASON_PAUSE] = "pause", [ACD_REASON_MISSED] = "missed",
	    [ACD_REASON_MEDIA] = "media", [ACD_REASON_FORCED] = "forced",
	};
	return NAME(names, reason);
}

const char *acd_msg_name(uint8_t type)
{
	static const char *const names[ACD_MSG_TYPE_COUNT] = {
	    [ACD_MSG_NONE] = "NONE",
	    [ACD_MSG_CALL_UP] = "CALL_UP",
	    [ACD_MSG_CALL_DOWN] = "CALL_DOWN",
	    [ACD_MSG_AGENT_UP] = "AGENT_UP",
	    [ACD_MSG_AGENT_DOWN] = "AGENT_DOWN",
	    [ACD_MSG_DIGEST] = "DIGEST",
	    [ACD_MSG_SYNC_REQ] = "SYNC_REQ",
	    [ACD_MSG_SYNC_BEGIN] = "SYNC_BEGIN",
	    [ACD_MSG_SYNC_END] = "SYNC_END",
	    [ACD_MSG_ADVERT] = "ADVERT",
	    [ACD_MSG_AGENT_ADVERT] = "AGENT_ADVERT",
	    [ACD_MSG_NEED] = "NEED",
	    [ACD_MSG_RESERVE] = "RESERVE",
	    [ACD_MSG_RESERVE_NACK] = "RESERVE_NACK",
	    [ACD_MSG_CLAIM] = "CLAIM",
	    [ACD_MSG_CLAIM_NACK] = "CLAIM_NACK",
	    [ACD_MSG_PICK] = "PICK",
	    [ACD_MSG_PICK_NACK] = "PICK_NACK",
	    [ACD_MSG_PICK_OK] = "PICK_OK",
	    [ACD_MSG_GRANT] = "GRANT",
	    [ACD_MSG_RINGING] = "RINGING",
	    [ACD_MSG_COMMIT] = "COMMIT",
	    [ACD_MSG_BRIDGED] = "BRIDGED",
	    [ACD_MSG_KEEP] = "KEEP",
	    [ACD_MSG_RELEASE] = "RELEASE",
	    [ACD_MSG_RELEASED] = "RELEASED",
	    [ACD_MSG_NACK] = "NACK",
	    [ACD_MSG_OWNER] = "OWNER",
	    [ACD_MSG_RECALL] = "RECALL",
	    [ACD_MSG_HOLD] = "HOLD",
	};
	return NAME(names, type);
}

const char *acd_strategy_name(uint8_t strategy)
{
	static const char *const names[ACD_STRATEGY_COUNT] = {
	    [ACD_LONGEST_IDLE] = "longest_idle", [ACD_FEWEST_CALLS] = "fewest_calls",
	    [ACD_LEAST_TALK] = "least_talk",     [ACD_MOST_SKILLED] = "most_skilled",
	    [ACD_ROUND_ROBIN] = "round_robin",   [ACD_LINEAR] = "linear",
	    [ACD_RING_ALL] = "ring_all",
	};
	return NAME(names, strategy);
}

const char *acd_why_name(uint8_t code)
{
	static const char *const names[] = {
	    [ACD_WHY_NONE] = "none",
	    [ACD_WHY_MATCHING] = "matching",
	    [ACD_WHY_NOBODY] = "nobody_idle",
	    [ACD_WHY_SKILL] = "nobody_skilled",
	    [ACD_WHY_OTHERS_FIRST] = "others_first",
	    [ACD_WHY_SPOKEN] = "agent_asked",
	    [ACD_WHY_NOT_WAITING] = "not_waiting",
	    [ACD_WHY_CLOSED] = "closed",
	    [ACD_WHY_IN_PERSON] = "in_person",
	};
	return NAME(names, code);
}

const char *acd_story_name(uint8_t code)
{
	static const char *const names[] = {
	    [ACD_STORY_NONE] = "none",       [ACD_STORY_QUEUED] = "queued",
	    [ACD_STORY_GRANTED] = "granted", [ACD_STORY_BRIDGED] = "bridged",
	    [ACD_STORY_BACK] = "back",       [ACD_STORY_AWAIT] = "await_agent",
	    [ACD_STORY_ADOPTED] = "adopted", [ACD_STORY_CLOSED] = "closed",
	};
	return NAME(names, code);
}
