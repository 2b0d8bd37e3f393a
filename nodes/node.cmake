# helio-node: the shell around acd, sip, media and the desk.
helio_library(helio_call_value SOURCES call_value.c LIBS helio_sip helio_acd helio_base)
helio_program(helio-node SOURCES
	main.c node_stop.c node_clock.c node_timers.c node_identity.c node_silence.c node_core.c node_calls.c node_calls_fx.c node_calls_back.c node_sounds.c node_guard.c node_offers.c node_mesh.c node_claims.c node_presence.c node_poll.c node_journal.c node_admin.c
	node_metrics.c node_wall.c node_hours.c node_tasks.c node_tasks_copy.c node_tasks_admin.c node_route.c node_last.c node_neighbour.c node_adopt.c node_config.c desk/desk_wall.c desk/desk_force.c
	desk/desk.c desk/desk_link.c desk/desk_password.c desk/desk_login.c desk/login_guard.c desk/desk_session.c desk/desk_ready.c
	desk/desk_message.c desk/desk_claim.c desk/desk_move.c desk/desk_tell.c desk/desk_batch.c desk/desk_silence.c desk/desk_slip.c
	LIBS helio_call_value helio_live helio_wall helio_neighbour helio_beat helio_sip helio_media helio_trace helio_why helio_acd helio_wire helio_conf helio_directory helio_seal helio_presence helio_journal
	helio_records helio_tasks helio_metrics_shared helio_log_events helio_admin helio_log helio_base dep_re dep_jansson dep_sodium Threads::Threads)
