/* What the files of common/redis share; private to the folder. */
#ifndef HELIO_REDIS_INTERNAL_H
#define HELIO_REDIS_INTERNAL_H

#include "common/redis/link.h"

/* auth.c: connected; signs in, then says the user's hello. */
void redis_auth(struct redis_link *l);

#endif
