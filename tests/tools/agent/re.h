/*
 * The parts of libre that the tool uses. Not <re/re.h>: its JSON enumerators clash with jansson's.
 * The headers depend on this order.
 */
#ifndef HELIO_TOOLS_AGENT_RE_H
#define HELIO_TOOLS_AGENT_RE_H

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <re/re_types.h>
#include <re/re_fmt.h>
#include <re/re_mbuf.h>
#include <re/re_list.h>
#include <re/re_sa.h>
#include <re/re_main.h>
#include <re/re_mem.h>
#include <re/re_sys.h>
#include <re/re_tcp.h>
#include <re/re_tls.h>
#include <re/re_tmr.h>

#endif
