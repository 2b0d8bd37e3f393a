/*
 * What every daemon shares and no library gives: production assertions, time, hex, bounded
 * strings, identifiers. Depends on libc only; never on another folder of ours.
 */
#ifndef HELIO_BASE_H
#define HELIO_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HELIO_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Calls fn(*ptr) when the variable leaves scope: `helio_cleanup(x_freep) struct x *x = NULL;` */
#define helio_cleanup(fn) __attribute__((cleanup(fn)))

/* An invariant of our own code. Stays on in release builds: prints place and text, aborts. */
#define helio_assert(cond)                                                                         \
	((cond) ? (void)0 : helio_assert_fail(#cond, __FILE__, __LINE__, __func__))
_Noreturn void helio_assert_fail(const char *cond, const char *file, int line, const char *func);

/* Monotonic time of this machine in microseconds (CLOCK_MONOTONIC). Never compare it with another
 * machine's. */
uint64_t mono_us(void);
/* Wall clock in milliseconds since 1970, for records and display only; decides nothing. */
int64_t wall_ms(void);

/* Lower-case hex of n bytes into dst, which holds 2n+1 bytes; NUL-terminated. */
void hex_encode(char *dst, const void *src, size_t n);
/* Exactly n bytes from 2n hex digits; EINVAL on any other character or length. */
int hex_decode(void *dst, size_t n, const char *src);

/* Copies at most size-1 bytes, always terminates; ENAMETOOLONG if src did not fit (dst then holds
 * the part that did). */
int str_copy(char *dst, size_t size, const char *src);

/* n bytes from the kernel's random source; aborts if it fails (nothing of ours is safe then). */
void random_bytes(void *dst, size_t n);

/* As malloc, for an arena that is used all over and for long: in huge pages where the system gives
 * them, which spares a miss of the TLB at nearly each look into it. Freed by free(). */
void *arena_alloc(size_t size);

/* FNV-1a, 64 bit: stable names for queues and agents across daemons and versions. */
uint64_t hash_str(const char *s);

/*
 * The address of a daemon: site number in the upper byte, ordinal in the lower.
 *   ordinal 1–63 nodes, 64–95 brokers, 96–127 gateways, 128–255 operators' tools
 */
enum { ADDR_NODE_MIN = 1, ADDR_NODE_MAX = 63, ADDR_BROKER_MIN = 64, ADDR_BROKER_MAX = 95,
       ADDR_GATEWAY_MIN = 96, ADDR_GATEWAY_MAX = 127 };
static inline uint16_t addr_make(unsigned site, unsigned ordinal)
{
	return (uint16_t)(site << 8 | ordinal);
}
static inline unsigned addr_site(uint16_t addr)
{
	return addr >> 8;
}
static inline unsigned addr_ordinal(uint16_t addr)
{
	return addr & 0xff;
}
static inline bool addr_is_node(uint16_t a)
{
	return addr_ordinal(a) >= ADDR_NODE_MIN && addr_ordinal(a) <= ADDR_NODE_MAX;
}
static inline bool addr_is_broker(uint16_t a)
{
	return addr_ordinal(a) >= ADDR_BROKER_MIN && addr_ordinal(a) <= ADDR_BROKER_MAX;
}
static inline bool addr_is_gateway(uint16_t a)
{
	return addr_ordinal(a) >= ADDR_GATEWAY_MIN && addr_ordinal(a) <= ADDR_GATEWAY_MAX;
}

/*
 * An identifier minted locally: address (16) | boot number (20) | sequence (28). Zero is "none".
 * Printable as NAME-boot-seq in hex, e.g. oslo1-2f-91: short enough to say over a telephone.
 */
enum { ID_SEQ_BITS = 28, ID_BOOT_BITS = 20, ID_STR_SIZE = 48 };
uint64_t id_make(uint16_t addr, uint32_t boot, uint32_t seq);
static inline uint16_t id_addr(uint64_t id)
{
	return (uint16_t)(id >> (ID_SEQ_BITS + ID_BOOT_BITS));
}
static inline uint32_t id_boot(uint64_t id)
{
	return (uint32_t)(id >> ID_SEQ_BITS) & ((1u << ID_BOOT_BITS) - 1);
}
static inline uint32_t id_seq(uint64_t id)
{
	return (uint32_t)id & ((1u << ID_SEQ_BITS) - 1);
}
/* Writes "name-boot-seq"; name NULL prints the address as "site.ordinal". Returns buf. */
char *id_format(char buf[static ID_STR_SIZE], uint64_t id, const char *name);
/* Splits "name-boot-seq" at its last two dashes: name into the given buffer, id without address
 * (caller fills it in by id_make). EINVAL when it is not of that form. */
int id_parse(const char *s, char *ret_name, size_t name_size, uint32_t *ret_boot,
	     uint32_t *ret_seq);

struct stat;
/* The whole of a regular file of at most max bytes, NUL added; free() it. ret_st may be NULL.
 * EFBIG; EISDIR, EINVAL: not a regular file; EIO: it shrank meanwhile; errno. */
int file_read(const char *path, size_t max, char **ret, size_t *ret_n, struct stat *ret_st);
/* A new file with just this mode, on the disk when it returns. errno. */
int file_write(const char *path, const void *bytes, size_t n, unsigned mode);
/* Makes renames and new names in a folder survive a power cut. errno. */
int dir_sync(const char *path);

/* The next boot number of the daemon whose state folder this is: read, increased, fsynced (file and
 * folder), returned. Starts at 1. Errors: errno of the failing call; EOVERFLOW past 20 bits. */
int boot_next(const char *state_dir, uint32_t *ret_boot);

#endif
