#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <sys/socket.h>
#include <netinet/in.h>
#include <re.h>
#include <sndfile.h>

#include "deploy/caller/caller.h"
#include "tests/unit/caller/answerer.h"

enum { SIP_PORT_TEST = 43800, RTP_PORT_TEST = 43802 };

/* An address of our own: several test runs on one machine must not meet on ports. */
static char ip[16], support[64];

static pid_t answerer;
static int reports;

static int start(void **state)
{
	int fds[2];
	char ready;
	unsigned id = (unsigned)getpid();
	(void)state;
	(void)snprintf(ip, sizeof(ip), "127.%u.%u.%u", 64 + (id >> 16) % 64, id >> 8 & 255,
		       id & 255);
	(void)snprintf(support, sizeof(support), "sip:support@%s:%d", ip, SIP_PORT_TEST);
	if (pipe(fds))
		return -1;
	answerer = fork();
	if (answerer == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		answerer_run(ip, SIP_PORT_TEST, RTP_PORT_TEST, fds[1]);
	}
	(void)close(fds[1]);
	reports = fds[0];
	return answerer < 0 || read(reports, &ready, 1) != 1 || libre_init() ? -1 : 0;
}

static int stop(void **state)
{
	(void)state;
	libre_close();
	(void)kill(answerer, SIGKILL);
	(void)waitpid(answerer, NULL, 0);
	return 0;
}

static struct answerer_report report_read(void)
{
	struct answerer_report r;
	assert_int_equal(read(reports, &r, sizeof(r)), sizeof(r));
	return r;
}

static struct caller_result call(struct caller_conf conf, int want_err)
{
	struct caller_result result;
	char why[256];
	if (!conf.from)
		conf.from = "+4722334455";
	if (!conf.to)
		conf.to = support;
	if (!conf.seconds)
		conf.seconds = 2;
	int err = caller_run(&conf, NULL, NULL, &result, why);
	if (err != want_err)
		print_message("%s\n", why);
	assert_int_equal(err, want_err);
	return result;
}

static void hears_the_milliwatt_and_is_heard(enum caller_codec codec)
{
	struct caller_result r = call((struct caller_conf){.codec = codec,
							   .tone_hz = 440,
							   .listen_hz = 1000,
							   .until_heard = true,
							   .seconds = 10},
				      0);
	struct answerer_report a = report_read();
	assert_true(r.ok);
	assert_int_equal(r.heard, 1);
	assert_true(r.level_best > 0.95);
	assert_in_range(r.heard_ms_max, 400, 9000);
	assert_int_equal(a.pt, codec);
	assert_in_range(a.hz, 430, 450);
}

static void a_tone_is_found_at_its_frequency_in_pcmu(void **state)
{
	(void)state;
	hears_the_milliwatt_and_is_heard(CALLER_PCMU);
}

static void a_tone_is_found_at_its_frequency_in_pcma(void **state)
{
	(void)state;
	hears_the_milliwatt_and_is_heard(CALLER_PCMA);
}

static void a_tone_is_not_found_at_another_frequency(void **state)
{
	(void)state;
	struct caller_result r =
	    call((struct caller_conf){.listen_hz = 880, .until_heard = true, .seconds = 2}, 0);
	(void)report_read();
	assert_false(r.ok);
	assert_int_equal(r.answered, 1);
	assert_int_equal(r.heard, 0);
	assert_true(r.rtp_received > 50);
	assert_true(r.level_best < 0.05);
}

static void keys_arrive_in_order_over_tcp(void **state)
{
	(void)state;
	char to[96];
	(void)snprintf(to, sizeof(to), "%s;transport=tcp", support);
	struct caller_result r =
	    call((struct caller_conf){.to = to, .dtmf = "19#A", .seconds = 3}, 0);
	struct answerer_report a = report_read();
	assert_true(r.ok);
	assert_string_equal(a.digits, "19#A");
}

static void a_wav_of_another_rate_and_two_channels_is_spoken(void **state)
{
	char path[] = "/tmp/test_caller_XXXXXX";
	SF_INFO info = {
	    .samplerate = 44100, .channels = 2, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16};
	(void)state;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	SNDFILE *f = sf_open_fd(fd, SFM_WRITE, &info, 1);
	assert_non_null(f);
	for (int i = 0; i < 44100; i++) {
		short s = (short)lrint(8000 * sin(2 * M_PI * 600 * i / 44100)), both[2] = {s, s};
		assert_int_equal(sf_writef_short(f, both, 1), 1);
	}
	(void)sf_close(f);
	struct caller_result r = call((struct caller_conf){.wav = path, .seconds = 1}, 0);
	struct answerer_report a = report_read();
	(void)unlink(path);
	assert_true(r.ok);
	assert_in_range(a.hz, 590, 610);
	assert_in_range(a.packets, 30, 60);
}

static void a_refusal_is_not_ok_and_says_so(void **state)
{
	(void)state;
	char to[64];
	(void)snprintf(to, sizeof(to), "sip:busy@%s:%d", ip, SIP_PORT_TEST);
	struct caller_result r = call((struct caller_conf){.to = to}, 0);
	assert_false(r.ok);
	assert_int_equal(r.failed, 1);
}

static void a_call_that_nobody_answers_is_given_up(void **state)
{
	(void)state;
	char to[64];
	(void)snprintf(to, sizeof(to), "sip:deaf@%s:%d", ip, SIP_PORT_TEST);
	struct caller_result r = call((struct caller_conf){.to = to, .answer_within_s = 1}, 0);
	assert_false(r.ok);
	assert_int_equal(r.failed, 1);
}

static void what_cannot_be_started_is_said(void **state)
{
	(void)state;
	(void)call((struct caller_conf){.to = "tel:112"}, EINVAL);
	(void)call((struct caller_conf){.from = "a b"}, EINVAL);
	(void)call((struct caller_conf){.wav = "/nonexistent.wav"}, EINVAL);
	(void)call((struct caller_conf){.dtmf = "12x"}, EINVAL);
}

static void the_ear_tells_tone_from_silence_and_noise(void **state)
{
	static int16_t pcm[4000];
	uint32_t seed = 1;
	(void)state;
	assert_true(caller_tone_level(pcm, 4000, 440) == 0);
	for (unsigned i = 0; i < 4000; i++)
		pcm[i] = (int16_t)lrint(1000 * sin(2 * M_PI * 440 * i / 8000.0));
	assert_true(caller_tone_level(pcm, 4000, 440) > 0.99);
	assert_true(caller_tone_level(pcm, 4000, 450) < 0.01);
	for (unsigned i = 0; i < 4000; i++) {
		seed = seed * 1664525u + 1013904223u;
		pcm[i] = (int16_t)(seed >> 16);
	}
	assert_true(caller_tone_level(pcm, 4000, 440) < 0.05);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_ear_tells_tone_from_silence_and_noise),
	    cmocka_unit_test(a_tone_is_found_at_its_frequency_in_pcmu),
	    cmocka_unit_test(a_tone_is_found_at_its_frequency_in_pcma),
	    cmocka_unit_test(a_tone_is_not_found_at_another_frequency),
	    cmocka_unit_test(keys_arrive_in_order_over_tcp),
	    cmocka_unit_test(a_wav_of_another_rate_and_two_channels_is_spoken),
	    cmocka_unit_test(a_refusal_is_not_ok_and_says_so),
	    cmocka_unit_test(a_call_that_nobody_answers_is_given_up),
	    cmocka_unit_test(what_cannot_be_started_is_said),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
