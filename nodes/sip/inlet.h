/*
 * What stands between the network and libre's SIP transports: limits per source before anything is
 * parsed, whole messages only, and an end for connections that say nothing.
 */
#ifndef HELIO_SIP_INLET_H
#define HELIO_SIP_INLET_H

struct sip_msg;
struct sip_ua;

/* Before the TCP transport is added: connections accepted from then on are watched. */
void inlet_open(struct sip_ua *ua);
void inlet_close(struct sip_ua *ua);
/* A message has come on a socket: from the first one on, datagrams are looked at before libre reads
 * them. libre does not hand out the socket earlier. */
void inlet_udp(struct sip_ua *ua, const struct sip_msg *msg);

#endif
