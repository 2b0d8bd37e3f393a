/*
 * The parts of libre that the shell uses. Not <re/re.h>: its JSON enumerators clash with jansson's.
 * The headers depend on this order.
 */
#ifndef HELIO_NODE_RE_H
#define HELIO_NODE_RE_H

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <re/re_types.h>
#include <re/re_fmt.h>
#include <re/re_mbuf.h>
#include <re/re_list.h>
#include <re/re_hash.h>
#include <re/re_main.h>
#include <re/re_mem.h>
#include <re/re_mqueue.h>
#include <re/re_sys.h>
#include <re/re_tmr.h>

#endif
