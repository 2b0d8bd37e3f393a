/* Calendars for tests, in one line each. */
#ifndef HOURS_TEST_CALENDARS_H
#define HOURS_TEST_CALENDARS_H

#include "common/hours/hours.h"

#include <stdio.h>

/* VCALENDAR around events; lines end with \n. */
struct hours_calendar *calendar(const char *zone, bool holidays, const char *events);
/* What is told of it, "line: what; remedy" a line ("warning: " before a warning). */
const char *told(const char *zone, bool holidays, const char *whole_file);
/* UTC seconds. */
int64_t utc(int y, int mo, int d, int h, int mi);

#endif
