/*
 * Callers that are not ours: another SIP stack does not forgive what ours would. SIPp dials, sends
 * a tone and follows its call from machine to machine; how long it is silent it cannot say, so that
 * the silences of a run are those of helio-caller. One SIPp a machine; chaos/sipp/ has what it
 * plays.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chaos/chaos.h"
#include "chaos/drill/drill.h"
#include "common/base/base.h"

enum {
	SIPP_PORT_MIN = 6100, /* of the world; one a machine */
	SIPP_RTP_MIN = 16000,
	SIPP_RTP_STEP = 100,
	TONE_HZ = 440,
	RATE =
	    8000, /* samples a second; a second is 440 whole waves, so it repeats without a click */
};

const char *sipp_missing(void)
{
	return system("command -v sipp >/dev/null 2>&1")
		   ? "sipp is not installed: apt-get install sip-tester"
		   : NULL;
}

/* ITU-T G.711, mu-law, of a 16-bit sample. */
static uint8_t ulaw(int sample)
{
	int sign = sample < 0 ? 0x80 : 0;
	int m = (sample < 0 ? -sample : sample) + 132, exponent = 7;
	m = m > 32767 ? 32767 : m;
	while (exponent > 0 && !(m & (0x80 << exponent)))
		exponent--;
	return (uint8_t) ~(sign | exponent << 4 | (m >> (exponent + 3) & 0x0f));
}

static int tone_write(const char *path)
{
	FILE *f = fopen(path, "we");
	if (!f)
		return errno;
	for (int i = 0; i < RATE; i++)
		(void)fputc(ulaw((int)(8000 * sin(2 * M_PI * TONE_HZ * i / RATE))), f);
	return fclose(f) ? errno : 0;
}

static json_t *shell(const char *line)
{
	return json_pack("[sss]", "/bin/bash", "-c", line);
}

static int callers_at(struct drill *d, uint32_t m, uint32_t n, const char *played)
{
	char name[LAB_NAME_SIZE], lines[LAB_PATH_SIZE], line[2048];
	const char *node = lab_machine_name(m);
	snprintf(name, sizeof(name), "sipp-%s", node);
	snprintf(lines, sizeof(lines), "%.400s/sipp/%s.jsonl", d->out, node);
	/* It looks for the tone where it stands. */
	snprintf(line, sizeof(line),
		 "cd '%.400s/sipp' && exec sipp -sf '%.400s/caller.xml' -oocsf '%.400s/stop.xml' "
		 "-s support "
		 "-i %s -mi %s -p %u -mp %u -m %u -l %u -r %.0f -nostdin -skip_rlimit -trace_logs "
		 "-log_file %s.jsonl -trace_err -error_file %s.err %s:%d >%s.log 2>&1",
		 d->out, played, played, LAB_WORLD_IP, LAB_WORLD_IP, SIPP_PORT_MIN + m,
		 SIPP_RTP_MIN + m * SIPP_RTP_STEP, n, n, d->e->callers_rate, node, node,
		 lab_machine_ip(m), SIP_PORT, node);
	int err = people_spawn(d, name, node, lines, shell(line));
	if (!err)
		d->tail[d->tails_n - 1].foreign = true;
	return err;
}

int sipp_callers(struct drill *d)
{
	char path[LAB_PATH_SIZE], played[512];
	if (d->e->sipp == 0)
		return 0;
	int err = place_sipp(played);
	if (err)
		return err;
	snprintf(path, sizeof(path), "%.400s/sipp", d->out);
	if (mkdir(path, 0755))
		return errno;
	snprintf(path, sizeof(path), "%.400s/sipp/tone.ul", d->out);
	err = tone_write(path);
	for (uint32_t m = 0; m < LAB_MACHINES && !err; m++) {
		uint32_t n = people_part(d->e->sipp, m, LAB_MACHINES);
		err = n ? callers_at(d, m, n, played) : 0;
	}
	return err;
}

int sipp_stop(struct drill *d)
{
	int err = 0;
	for (uint32_t i = 0; i < d->tails_n && !err; i++) {
		char name[LAB_NAME_SIZE], line[1024];
		if (!d->tail[i].foreign)
			continue;
		uint32_t m = (uint32_t)lab_machine_find(d->tail[i].node);
		snprintf(name, sizeof(name), "sipp-stop-%s", d->tail[i].node);
		/* One datagram: bash alone would send each line as its own. */
		snprintf(
		    line, sizeof(line),
		    "printf 'OPTIONS sip:%s:%u SIP/2.0\\r\\nVia: SIP/2.0/UDP "
		    "%s:9;branch=z9hG4bK%u\\r\\n"
		    "From: <sip:drill@%s>;tag=1\\r\\nTo: <sip:%s>\\r\\nCall-ID: stop-%u\\r\\n"
		    "CSeq: 1 OPTIONS\\r\\nMax-Forwards: 70\\r\\nContent-Length: 0\\r\\n\\r\\n' | "
		    "cat >/dev/udp/%s/%u",
		    LAB_WORLD_IP, SIPP_PORT_MIN + m, LAB_WORLD_IP, m, LAB_WORLD_IP, LAB_WORLD_IP, m,
		    LAB_WORLD_IP, SIPP_PORT_MIN + m);
		json_t *o = lab_client_ask(d->lab, json_pack("{ss ss so}", "do", "spawn", "name",
							     name, "argv", shell(line)));
		err = o ? 0 : EIO;
		json_decref(o);
	}
	return err;
}
