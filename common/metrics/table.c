#include "common/metrics/table.h"

#include "common/base/base.h"

/* Whoever waits longer than ten minutes is lost anyway; below a second nobody feels a difference.
 */
static const uint32_t wait_s[] = {1, 2, 5, 10, 20, 30, 60, 120, 180, 300, 600, 0};
static const uint32_t talk_s[] = {10, 30, 60, 120, 180, 300, 600, 1200, 1800, 3600, 0};

_Static_assert(HELIO_ARRAY_LEN(wait_s) <= METRICS_BOUNDS_MAX + 1, "too many bounds");
_Static_assert(HELIO_ARRAY_LEN(talk_s) <= METRICS_BOUNDS_MAX + 1, "too many bounds");

#define C METRICS_COUNTER
#define G METRICS_GAUGE
#define H METRICS_HISTOGRAM
#define ALL METRICS_ALL
#define NODE METRICS_NODE
#define BROKER METRICS_BROKER
#define GATEWAY METRICS_GATEWAY

/* clang-format off */
static const struct metrics_row table[] = {
	/* name, type, who has it, labels, help */
	[METRIC_BUILD_INFO] = {"build_info", G, ALL, {"version", "cluster"}, "Always 1; the labels say what runs.", NULL},
	[METRIC_CONFIG_INFO] = {"config_info", G, ALL, {"hash"}, "Always 1; hash of the configuration that this daemon runs. One value in the whole cluster, or somebody runs another file.", NULL},
	[METRIC_CONFIG_VERSION] = {"config_version", G, ALL, {NULL}, "Version of the signed configuration that this daemon runs; 0: it is not signed.", NULL},
	[METRIC_CONFIG_REFUSED] = {"config_refused_version", G, ALL, {NULL}, "A newer version that this daemon refused whole (a sound is missing here, say); 0: none. Its log and helioctl status say why.", NULL},
	[METRIC_CONFIG_NEEDS_ROLL] = {"config_needs_roll", G, ALL, {NULL}, "1 while a part of the configuration waits for a restart of this daemon (deploy/roll).", NULL},
	[METRIC_CONFIG_EVENTS] = {"config_events_total", C, ALL, {"event"}, "Configurations that were taken, refused; conflict: a peer runs the same version with other bytes.", NULL},
	[METRIC_HEALTHY] = {"healthy", G, ALL, {NULL}, "1 while /healthz answers 200.", NULL},
	[METRIC_UPTIME] = {"uptime_seconds", G, ALL, {NULL}, "Since this process started.", NULL},
	[METRIC_LOG_EVENTS] = {"log_events_total", C, ALL, {"level"}, "Lines written to the log.", NULL},
	[METRIC_LOG_DROPPED] = {"log_dropped_total", C, ALL, {NULL}, "Lines that standard error did not take, because nobody read it; helioctl events has the last thousand all the same.", NULL},
	[METRIC_PROCESS_RESIDENT] = {"process_resident_memory_bytes", G, ALL, {NULL}, "Memory in use.", NULL},
	[METRIC_PROCESS_CPU] = {"process_cpu_seconds_total", C, ALL, {NULL}, "Processor time, all threads.", NULL},
	[METRIC_PROCESS_FDS] = {"process_open_fds", G, ALL, {NULL}, "Open file descriptors; on kernels before 6.2 up to 10 s old.", NULL},
	[METRIC_PROCESS_FDS_MAX] = {"process_max_fds", G, ALL, {NULL}, "Limit of open file descriptors.", NULL},
	[METRIC_MESH_MESSAGES] = {"mesh_messages_total", C, ALL, {"direction"}, "Messages between daemons: in, out.", NULL},
	[METRIC_MESH_DROPPED] = {"mesh_dropped_total", C, ALL, {"why"}, "Messages between daemons that were dropped: send (the peer is away or too slow), bad_decode, bad_sender, bad_version, stale_boot, too_big.", NULL},
	[METRIC_MESH_GAPS] = {"mesh_gaps_total", C, ALL, {NULL}, "Numbers missing in what peers sent.", NULL},
	[METRIC_MESH_REFUSED] = {"mesh_refused_total", C, ALL, {NULL}, "Handshakes with a key that is not in the configuration: a stranger knocks.", NULL},
	[METRIC_SCRAPES] = {"scrapes_total", C, ALL, {"code"}, "Answers of this HTTP port by status.", NULL},
	[METRIC_SCRAPE_LAST] = {"scrape_seconds", G, ALL, {NULL}, "What putting this page together cost the daemon's loop last time.", NULL},

	[METRIC_ACD_MESSAGES] = {"acd_messages_total", C, NODE | BROKER, {"direction", "type"}, "Messages of the core by type, as written in acd.h: reservations (RESERVE), claims (CLAIM), refusals (…NACK), adverts (ADVERT, AGENT_ADVERT) and so on.", NULL},
	[METRIC_ACD_REFUSED] = {"acd_refused_total", C, NODE | BROKER, {NULL}, "Events that the core refused (late, unknown, full).", NULL},

	[METRIC_CALLS_ENTERED] = {"calls_entered_total", C, NODE, {"queue"}, "Calls taken in; a call that comes back after a restart is taken in again, by the new process.", NULL},
	[METRIC_CALLS_ENDED] = {"calls_ended_total", C, NODE, {"queue", "outcome"}, "Calls ended: answered, abandoned, callback, voicemail, overflow_out, failed. Entered = ended + in the system.", NULL},
	[METRIC_CALLS_REQUEUED] = {"calls_requeued_total", C, NODE, {"queue"}, "Times that a call went back to its queue with its age, after an offer that came to nothing or an agent who was lost.", NULL},
	[METRIC_CALLS] = {"calls", G, NODE, {"state"}, "Calls in the system that this node owns.", NULL},
	[METRIC_CALLS_MAX] = {"calls_max", G, NODE, {NULL}, "Beyond so many, callers get 503.", NULL},
	[METRIC_CALLS_UNPROTECTED] = {"calls_unprotected", G, NODE, {NULL}, "Live calls that their journal does not hold: they would not survive this process. 0 where no journal: is configured, though there nothing is protected.", NULL},
	[METRIC_LEGS_SILENT] = {"legs_silent", G, NODE, {NULL}, "Far ends in a call (callers, agents' browsers) from which no media and no keep-alive has come for media_silent_flag.", NULL},
	[METRIC_CALLS_SILENT_ENDED] = {"calls_silent_ended_total", C, NODE, {NULL}, "Calls ended (a silent caller) or taken from their agent (a silent browser) after media_silent_end.", NULL},
	[METRIC_CALLS_ADOPTED] = {"calls_adopted_total", C, NODE, {NULL}, "Calls taken over from neighbours that died or were stopped.", NULL},
	[METRIC_NODES_ADOPTED] = {"nodes_adopted_total", C, NODE, {NULL}, "Times that a neighbour was found dead and its calls were taken over.", NULL},
	[METRIC_ADOPT_DETECT] = {"adopt_detect_seconds", G, NODE, {NULL}, "The last time: from its last message until it counted as dead. 0: never.", NULL},
	[METRIC_ADOPT_TOOK] = {"adopt_seconds", G, NODE, {NULL}, "The last time: from then until its last call was here.", NULL},
	[METRIC_LEASE_OVER] = {"lease_over", G, NODE, {NULL}, "1 while this node says nothing for its calls, because its neighbour may have taken them over.", NULL},
	[METRIC_LEASES_OVER] = {"leases_over_total", C, NODE, {NULL}, "Times that its neighbour and its witnesses did not answer in time: its loop stood still, or its line was cut.", NULL},
	[METRIC_CALLS_ANSWERED] = {"calls_answered_total", C, NODE, {"queue"}, "Calls that reached an agent, counted when they did.", NULL},
	[METRIC_CALLS_ANSWERED_WITHIN] = {"calls_answered_within_total", C, NODE, {"queue"}, "Those of them that waited no longer than answer_within.", NULL},
	[METRIC_QUEUE_WAITING] = {"queue_waiting", G, NODE, {"queue"}, "Callers of this node who wait. The sum over all nodes is the truth.", NULL},
	[METRIC_QUEUE_LONGEST_WAIT] = {"queue_longest_wait_seconds", G, NODE, {"queue"}, "Age of the oldest of them; 0 if there is none.", NULL},
	[METRIC_QUEUE_ANSWER_WITHIN] = {"queue_answer_within_seconds", G, NODE, {"queue"}, "service_level.answer_within of the configuration.", NULL},
	[METRIC_QUEUE_TARGET] = {"queue_target_ratio", G, NODE, {"queue"}, "service_level.target of the configuration, 0 to 1.", NULL},
	[METRIC_WAIT] = {"wait_seconds", H, NODE, {"queue"}, "Wait of calls until an agent had them. A queue appears with its first call.", wait_s},
	[METRIC_TALK] = {"talk_seconds", H, NODE, {"queue"}, "Length of answered calls from the answer to the end. A queue appears with its first call.", talk_s},
	[METRIC_SESSIONS] = {"sessions", G, NODE, {"state"}, "Agents signed in here, by state.", NULL},
	[METRIC_SESSIONS_MAX] = {"sessions_max", G, NODE, {NULL}, "Beyond so many, agents are sent to another node.", NULL},
	[METRIC_OFFERS] = {"offers_total", C, NODE, {NULL}, "Calls granted to an agent by this node as their owner.", NULL},
	[METRIC_RINGS] = {"rings_total", C, NODE, {NULL}, "Times that it rang at an agent of this node.", NULL},
	[METRIC_OFFERS_ENDED] = {"offers_ended_total", C, NODE, {"cause"}, "Offers that ended at agents of this node, by cause: agent_rejected, agent_no_answer (missed), caller_hung_up and so on.", NULL},
	[METRIC_SIP] = {"sip_events_total", C, NODE, {"event"}, "SIP: invite, accepted, rejected, cancelled, bye, bad_request, retransmit; silenced (not answered: its source is locked out or sends too much), limited and overloaded (503 because of the source, or because the node is late), loop (482), lockout, tcp_refused, tcp_cut.", NULL},
	[METRIC_DESK_SHIELD] = {"desk_refused_total", C, NODE, {"why"}, "What pages were refused: denied (sign-ins that were not let in), lockout (a name locked after wrong passwords), bad_frame (not opened by the session's seal, or out of place), too_fast.", NULL},
	[METRIC_MEDIA_LEGS] = {"media_legs", G, NODE, {NULL}, "Audio legs in use.", NULL},
	[METRIC_MEDIA_LEGS_MAX] = {"media_legs_max", G, NODE, {NULL}, "Audio legs possible.", NULL},
	[METRIC_MEDIA_PORTS_USED] = {"media_ports_used", G, NODE, {NULL}, "UDP ports of media_ports in use.", NULL},
	[METRIC_MEDIA_PORTS] = {"media_ports", G, NODE, {NULL}, "UDP ports in media_ports.", NULL},
	[METRIC_MEDIA_PACKETS] = {"media_packets_total", C, NODE, {"direction"}, "RTP packets of legs that have ended: in, out.", NULL},
	[METRIC_MEDIA_LOST] = {"media_lost_packets_total", C, NODE, {NULL}, "RTP packets that legs, now ended, did not get.", NULL},
	[METRIC_MEDIA_BAD] = {"media_bad_packets_total", C, NODE, {NULL}, "Packets at legs, now ended, that were no RTP or failed authentication.", NULL},
	[METRIC_RECORDS] = {"records_total", C, NODE, {"result"}, "Call records: written, error (a write failed and is repeated), dropped (lost).", NULL},
	[METRIC_RECORDS_PENDING] = {"records_pending", G, NODE, {NULL}, "Call records that wait for the disk.", NULL},
	[METRIC_TASKS_OPEN] = {"tasks_open", G, NODE, {NULL}, "Callbacks and voicemails that this node owns and that are not over.", NULL},
	[METRIC_TASKS_UNCOPIED] = {"tasks_uncopied", G, NODE, {NULL}, "Those of them whose latest state the partner node does not have on its disk: what would be lost with this machine.", NULL},
	[METRIC_TASKS_PENDING] = {"tasks_pending", G, NODE, {NULL}, "Changes of tasks that wait for the disk.", NULL},
	[METRIC_TASKS_ERRORS] = {"tasks_errors_total", C, NODE, {NULL}, "Writes of tasks that failed and are repeated: look at the disk.", NULL},
	[METRIC_JOURNAL_UP] = {"journal_up", G, NODE, {"store"}, "1 while the journal Redis answers: own, adopter (without an adopter the own one stands for both). Absent without journal: in the configuration.", NULL},
	[METRIC_JOURNAL_RTT] = {"journal_rtt_seconds", G, NODE, {NULL}, "Last acknowledgement's time of the own journal Redis.", NULL},
	[METRIC_JOURNAL_EVENTS] = {"journal_events_total", C, NODE, {"event"}, "Journal: put, ack, late (no answer in 20 ms: the caller was answered without), lost (adopted by another node), error, timeout, tampered, reconnect.", NULL},
	[METRIC_PRESENCE_UP] = {"presence_up", G, NODE, {NULL}, "1 while the presence Redis answers.", NULL},
	[METRIC_PRESENCE_RTT] = {"presence_rtt_seconds", G, NODE, {NULL}, "Last answer's time of the presence Redis.", NULL},
	[METRIC_PRESENCE_EVENTS] = {"presence_events_total", C, NODE, {"event"}, "Presence: write, stale (a newer sign-in was there), error, reconnect, timeout, dropped.", NULL},
	[METRIC_ISLAND] = {"island", G, NODE, {NULL}, "1 while no broker of the site answers and the node matches alone.", NULL},
	[METRIC_DRAINING] = {"draining", G, NODE, {NULL}, "1 while the node takes no new calls and sign-ins.", NULL},
	[METRIC_CERT_EXPIRY] = {"cert_expiry_timestamp_seconds", G, NODE | GATEWAY, {"cert"}, "When a certificate ends, in seconds since 1970: session (a node's, which pages check before they sign in), tls (a gateway's, if it has one).", NULL},

	[METRIC_PEERS_UP] = {"peers_up", G, BROKER, {"peer_role", "peer_site"}, "Nodes of the site and brokers of all that were heard within 3 s.", NULL},
	[METRIC_PEERS_KNOWN] = {"peers_known", G, BROKER, {"peer_role", "peer_site"}, "How many of them the configuration has.", NULL},
	[METRIC_PEERS_OTHER_CONFIG] = {"peers_other_config", G, BROKER, {NULL}, "Nodes of the site that run another configuration than this broker.", NULL},
	[METRIC_SITE_WAITING] = {"site_queue_waiting", G, BROKER, {"queue"}, "Callers of the whole site who wait, as this broker knows it. With two brokers take max by (site, queue).", NULL},
	[METRIC_SITE_LONGEST_WAIT] = {"site_queue_longest_wait_seconds", G, BROKER, {"queue"}, "Age of the oldest of them; 0 if there is none.", NULL},
	[METRIC_SITE_IDLE] = {"site_queue_idle", G, BROKER, {"queue"}, "Idle agents of the site who may take calls of the queue.", NULL},
	[METRIC_SITE_REMOTE_WAITING] = {"site_queue_remote_waiting", G, BROKER, {"queue"}, "Callers of other sites that are advertised here.", NULL},
	[METRIC_SITE_EWT] = {"site_queue_expected_wait_seconds", G, BROKER, {"queue"}, "What a newcomer of this site is likely to wait.", NULL},
	[METRIC_SITE_EWT_ERROR] = {"site_queue_expected_wait_error_seconds", G, BROKER, {"queue"}, "By how much that was wrong lately, on average.", NULL},
	[METRIC_SITE_COEXIST] = {"site_queue_coexist_seconds_total", C, BROKER, {"queue"}, "Seconds in which a caller of the site waited beside an idle agent for more than a second. Rule L1 says that this does not happen.", NULL},
	[METRIC_BROKER_EVENTS] = {"broker_events_total", C, BROKER, {NULL}, "Steps of the matcher.", NULL},
	[METRIC_BROKER_DROPPED] = {"broker_dropped_total", C, BROKER, {"why"}, "Messages that were not for the matcher: bad_acd, not_ours, pending (its queue was full).", NULL},

	[METRIC_GW_CONNECTIONS] = {"gateway_connections", G, GATEWAY, {NULL}, "Browsers connected.", NULL},
	[METRIC_GW_CONNECTIONS_MAX] = {"gateway_connections_max", G, GATEWAY, {NULL}, "More are refused.", NULL},
	[METRIC_GW_SOCKETS] = {"gateway_sockets", G, GATEWAY, {NULL}, "TCP connections, WebSockets among them.", NULL},
	[METRIC_GW_OPENED] = {"gateway_opened_total", C, GATEWAY, {NULL}, "Browsers that connected.", NULL},
	[METRIC_GW_FRAMES] = {"gateway_frames_total", C, GATEWAY, {"direction"}, "Sealed frames carried: to_node, to_browser.", NULL},
	[METRIC_GW_BYTES] = {"gateway_bytes_total", C, GATEWAY, {"direction"}, "Bytes of them.", NULL},
	[METRIC_GW_REFUSED] = {"gateway_refused_total", C, GATEWAY, {"why"}, "Connections refused: bad_origin, bad_request, too_many, socket_limit, busy, no_node, by_node.", NULL},
	[METRIC_GW_CLOSED] = {"gateway_closed_total", C, GATEWAY, {"why"}, "Browsers sent away: node_lost, node_rebooted, by_node, too_big, not_binary, too_fast, handshake_timeout, slow_reader, bad_frame.", NULL},
	[METRIC_GW_HTTP] = {"gateway_http_requests_total", C, GATEWAY, {NULL}, "Requests for files of the page and the like.", NULL},
	[METRIC_GW_NODES_LIVE] = {"gateway_nodes_live", G, GATEWAY, {NULL}, "Nodes of all sites that take new browsers.", NULL},
	[METRIC_GW_NODES_KNOWN] = {"gateway_nodes_known", G, GATEWAY, {NULL}, "Nodes in the configuration.", NULL},
	[METRIC_GW_OTHER_CONFIG] = {"gateway_nodes_other_config", G, GATEWAY, {NULL}, "Live nodes that run another configuration than this gateway.", NULL},
};
/* clang-format on */

_Static_assert(HELIO_ARRAY_LEN(table) == METRIC_COUNT, "a row is missing at the end");

const struct metrics_row *metrics_row(enum metric m)
{
	helio_assert(m < METRIC_COUNT && table[m].name);
	return &table[m];
}

unsigned metrics_labels(const struct metrics_row *row)
{
	unsigned n = 0;
	while (n < METRICS_LABELS_MAX && row->labels[n])
		n++;
	return n;
}

const char *metrics_type_name(enum metrics_type type)
{
	static const char *const names[] = {"counter", "gauge", "histogram"};
	return names[type];
}

static void roles_print(FILE *out, unsigned roles)
{
	static const char *const names[] = {"node", "broker", "gateway"};
	const char *before = " | ";
	if (roles == METRICS_ALL) {
		fputs(" | all", out);
		return;
	}
	for (unsigned i = 0; i < HELIO_ARRAY_LEN(names); i++) {
		if (!(roles & 1u << i))
			continue;
		fprintf(out, "%s%s", before, names[i]);
		before = ", ";
	}
}

void metrics_table_print(FILE *out)
{
	fputs("| name | type | labels | who has it | what it says |\n|---|---|---|---|---|\n", out);
	for (int m = 0; m < METRIC_COUNT; m++) {
		const struct metrics_row *r = metrics_row((enum metric)m);
		fprintf(out, "| `" METRICS_PREFIX "%s` | %s | ", r->name,
			metrics_type_name(r->type));
		for (unsigned i = 0; i < metrics_labels(r); i++)
			fprintf(out, "%s%s", i ? ", " : "", r->labels[i]);
		roles_print(out, r->roles);
		fprintf(out, " | %s", r->help);
		if (r->bounds_s) {
			fputs(" Bounds:", out);
			for (const uint32_t *b = r->bounds_s; *b; b++)
				fprintf(out, "%s %u", b == r->bounds_s ? "" : ",", *b);
			fputs(" s.", out);
		}
		fputs(" |\n", out);
	}
}
