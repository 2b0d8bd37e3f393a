/* Who adopts whom, and who bears witness. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/base.h"
#include "common/conf/conf.h"
#include "nodes/neighbour/site.h"

static struct conf_daemon daemons[16];
static struct conf conf;

static struct conf_daemon *add(unsigned site, enum conf_role role, unsigned ordinal,
			       const char *machine, uint16_t journal)
{
	struct conf_daemon *d = &daemons[conf.daemons_n++];
	*d = (struct conf_daemon){.role = role, .addr = addr_make(site, ordinal)};
	(void)str_copy(d->mesh.host, sizeof(d->mesh.host), machine);
	(void)str_copy(d->journal.host, sizeof(d->journal.host), machine);
	d->journal.port = journal;
	struct conf_site *s = &conf.sites[site - 1];
	s->number = (uint8_t)site;
	if (!s->daemons_n)
		s->first = conf.daemons_n - 1;
	s->daemons_n++;
	conf.sites_n = site;
	return d;
}

static int setup(void **state)
{
	(void)state;
	memset(daemons, 0, sizeof(daemons));
	conf = (struct conf){.daemons = daemons};
	return 0;
}

static void the_next_machine_of_the_site_adopts_round_and_round(void **state)
{
	(void)state;
	struct conf_daemon *a1 = add(1, CONF_NODE, 1, "10.0.0.1", 6401);
	struct conf_daemon *a2 = add(1, CONF_NODE, 2, "10.0.0.1", 6401);
	struct conf_daemon *b1 = add(1, CONF_NODE, 3, "10.0.0.2", 6401);
	struct conf_daemon *far = add(2, CONF_NODE, 1, "10.0.1.1", 6401);
	assert_ptr_equal(neighbour_adopter(&conf, a1), b1);
	assert_ptr_equal(neighbour_adopter(&conf, a2), b1);
	assert_ptr_equal(neighbour_adopter(&conf, b1), a1);
	assert_null(neighbour_adopter(&conf, far)); /* never across sites */
}

static void without_a_journal_nobody_adopts(void **state)
{
	(void)state;
	struct conf_daemon *a = add(1, CONF_NODE, 1, "10.0.0.1", 0);
	struct conf_daemon *b = add(1, CONF_NODE, 2, "10.0.0.2", 6401);
	struct witness w[WITNESSES_MAX];
	assert_null(neighbour_adopter(&conf, a));
	assert_null(neighbour_adopter(&conf, b));
	assert_int_equal(neighbour_witnesses(&conf, a, w), 0);
}

static void other_sites_are_asked_only_when_the_site_has_no_third_place(void **state)
{
	(void)state;
	struct conf_daemon *a = add(1, CONF_NODE, 1, "10.0.0.1", 6401);
	add(1, CONF_BROKER, 64, "10.0.0.1", 0);
	add(1, CONF_NODE, 2, "10.0.0.2", 6401);
	add(1, CONF_BROKER, 65, "10.0.0.2", 0);
	struct conf_daemon *far = add(2, CONF_BROKER, 64, "10.0.1.1", 0);
	struct conf_daemon *far2 = add(3, CONF_BROKER, 64, "10.0.2.1", 0);
	struct witness w[WITNESSES_MAX];
	assert_int_equal(neighbour_witnesses(&conf, a, w), 4);
	assert_false(w[0].independent);
	assert_false(w[1].independent);
	assert_ptr_equal(w[2].daemon, far);
	assert_true(w[2].independent);
	assert_ptr_equal(w[3].daemon, far2);
}

static void a_third_machine_is_a_third_place(void **state)
{
	(void)state;
	struct conf_daemon *a = add(1, CONF_NODE, 1, "10.0.0.1", 6401);
	add(1, CONF_NODE, 2, "10.0.0.2", 6401);
	struct conf_daemon *c = add(1, CONF_NODE, 3, "10.0.0.3", 6401);
	add(2, CONF_BROKER, 64, "10.0.1.1", 0);
	struct witness w[WITNESSES_MAX];
	assert_int_equal(neighbour_witnesses(&conf, a, w), 1);
	assert_ptr_equal(w[0].daemon, c);
	assert_true(w[0].independent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(the_next_machine_of_the_site_adopts_round_and_round, setup),
	    cmocka_unit_test_setup(without_a_journal_nobody_adopts, setup),
	    cmocka_unit_test_setup(other_sites_are_asked_only_when_the_site_has_no_third_place,
				   setup),
	    cmocka_unit_test_setup(a_third_machine_is_a_third_place, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
