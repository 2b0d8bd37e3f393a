/* Sound files: what can be read, how it sounds, how long it is kept. */
#include "tests/unit/media/harness.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void sound_is_heard(int rate, int channels)
{
	struct engine node, phone;
	struct media_sound music = {0};
	uint16_t a, b;
	engine_start(&node, 46800, 46899, 1);
	engine_start(&phone, 46900, 46999, 1);
	struct media_leg leg = make_leg(&node, 0, &a), far = make_leg(&phone, 0, &b);
	load_tone(&node, &music, "music", rate, channels, 0.5, 1000);
	set_remote(&node, leg, b, MEDIA_PCMA);
	set_remote(&phone, far, a, MEDIA_PCMA);
	media_leg_listen(phone.m, far, 1000);
	media_leg_play(node.m, leg, (struct media_sound){0}, music);
	assert_true(wait_heard(&phone, far, 900, 4000));
	engine_stop(&phone);
	engine_stop(&node);
}

static void sounds_of_any_rate_and_channels_keep_their_pitch(void **state)
{
	(void)state;
	sound_is_heard(44100, 2);
	sound_is_heard(8000, 1);
	sound_is_heard(11025, 1);
	sound_is_heard(48000, 6);
}

static void what_is_not_audio_is_refused_with_a_reason(void **state)
{
	struct engine e;
	struct media_sound s = {0};
	char why[256] = "";
	(void)state;
	engine_start(&e, 46800, 46899, 1);
	assert_int_equal(media_sound_load(e.m, &s, "/proc/self/maps", why), EINVAL);
	assert_true(strlen(why) > 10);
	assert_int_equal(media_sound_load(e.m, &s, "/nowhere/at/all.wav", why), ENOENT);
	assert_non_null(strstr(why, "/nowhere/at/all.wav"));
	assert_int_equal(s.v, 0);
	engine_stop(&e);
}

/* One short file under many names: decoding 2,000 long ones would take minutes. */
static int load_name(struct engine *e, uint32_t k, struct media_sound *ret)
{
	char path[128], why[256];
	snprintf(path, sizeof(path), "/tmp/helio-media-%d-many", (int)getpid());
	if (access(path, R_OK))
		write_tone_file(path, 8000, 1, 0.4, 1000);
	char name[160];
	snprintf(name, sizeof(name), "%s-%u", path, k);
	assert_int_equal(link(path, name), 0);
	int err = media_sound_load(e->m, ret, name, why);
	unlink(name);
	return err;
}

static const char *nothing_named(uint32_t k, void *arg)
{
	(void)k;
	(void)arg;
	return NULL;
}

struct another {
	struct engine *e;
	uint32_t *k;
};

static bool there_is_room(void *arg)
{
	struct another *a = arg;
	struct media_sound s;
	return load_name(a->e, (*a->k)++, &s) == 0;
}

static void sounds_that_nobody_names_make_room_once_nobody_plays_them(void **state)
{
	struct engine node, phone;
	struct media_sound first = {0}, s = {0};
	uint32_t k = 0;
	uint16_t a, b;
	(void)state;
	engine_start(&node, 46800, 46899, 1);
	engine_start(&phone, 46900, 46999, 1);
	struct media_leg leg = make_leg(&node, 0, &a), far = make_leg(&phone, 0, &b);
	set_remote(&node, leg, b, MEDIA_PCMA);
	set_remote(&phone, far, a, MEDIA_PCMA);
	assert_int_equal(load_name(&node, k++, &first), 0);
	assert_int_equal(media_leg_play(node.m, leg, (struct media_sound){0}, first), 0);
	while (k < MEDIA_SOUNDS_MAX)
		assert_int_equal(load_name(&node, k++, &s), 0);
	assert_int_equal(load_name(&node, k++, &s), ENOSPC);
	/* Another configuration: all of them again, but for the one that somebody hears. */
	media_sounds_keep(node.m, nothing_named, NULL);
	for (uint32_t i = 1; i < MEDIA_SOUNDS_MAX; i++)
		assert_int_equal(load_name(&node, k++, &s), 0);
	assert_int_equal(load_name(&node, k++, &s), ENOSPC);
	media_leg_listen(phone.m, far, 1000);
	assert_true(wait_heard(&phone, far, 900, 4000));
	/* Its call ends: room for one. */
	media_leg_close(node.m, leg);
	struct another more = {&node, &k};
	assert_true(run_until(there_is_room, &more, 4000));
	assert_int_equal(load_name(&node, k++, &s), ENOSPC);
	char path[128];
	snprintf(path, sizeof(path), "/tmp/helio-media-%d-many", (int)getpid());
	unlink(path);
	engine_stop(&phone);
	engine_stop(&node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sounds_of_any_rate_and_channels_keep_their_pitch),
	    cmocka_unit_test(what_is_not_audio_is_refused_with_a_reason),
	    cmocka_unit_test(sounds_that_nobody_names_make_room_once_nobody_plays_them),
	};
	return cmocka_run_group_tests(tests, harness_setup, harness_teardown);
}
