/*
 * bench_floor WHAT …
 *
 *   hash PASSWORD               Argon2id with its smallest parameters: signing in is not measured
 *   call CALLS PER_S            the messages of an answered call, bare ZeroMQ with CURVE
 *   chain HOPS MESSAGES PER_S   one message over HOPS bare ZeroMQ links, a thread at each
 *   seal BYTES WINDOW MS        libsodium frames there and back over one bare TCP connection
 *   memory CALLS BYTES          a socket and the bytes of an INVITE for each call
 */
#include "tests/bench/tools/floor.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int hash(const char *password)
{
	char out[crypto_pwhash_STRBYTES];
	if (crypto_pwhash_str_alg(out, password, strlen(password), crypto_pwhash_OPSLIMIT_MIN,
				  crypto_pwhash_MEMLIMIT_MIN, crypto_pwhash_ALG_ARGON2ID13))
		return 1;
	puts(out);
	return 0;
}

static int number(const char *s, long max)
{
	char *end;
	long v = strtol(s, &end, 10);
	if (end == s || *end || v < 1 || v > max) {
		fprintf(stderr, "bench_floor: %s: a number from 1 to %ld is needed\n", s, max);
		exit(2);
	}
	return (int)v;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (sodium_init() < 0)
		return 1;
	if (argc == 3 && strcmp(what, "hash") == 0)
		return hash(argv[2]);
	if (argc == 4 && strcmp(what, "call") == 0)
		return floor_call(number(argv[2], 100000), number(argv[3], 10000));
	if (argc == 5 && strcmp(what, "chain") == 0)
		return floor_chain(number(argv[2], 64), number(argv[3], 100000),
				   number(argv[4], 10000));
	if (argc == 5 && strcmp(what, "seal") == 0)
		return floor_seal(number(argv[2], 4096), number(argv[3], 1024),
				  number(argv[4], 60000));
	if (argc == 4 && strcmp(what, "memory") == 0)
		return floor_memory(number(argv[2], 15000), number(argv[3], 65536));
	fprintf(stderr,
		"usage: bench_floor hash PASSWORD | call CALLS PER_S | chain HOPS MESSAGES PER_S | "
		"seal BYTES WINDOW MS | memory CALLS BYTES\n");
	return 2;
}
