#!/usr/bin/env python3
"""SIPp scenarios of the SIP layer: scenarios.py FOLDER writes NAME.xml for each one at the end.

A scenario is a list of steps. Kept as a program because thirty XML files would repeat the same
headers; what a scenario is about stands in its own few lines.
"""
import os
import re
import sys

PCMA_FIRST = ("8 0 101", ["a=rtpmap:8 PCMA/8000", "a=rtpmap:0 PCMU/8000",
                          "a=rtpmap:101 telephone-event/8000"])
PCMU_ONLY = ("0 101", ["a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000"])
PCMA_ONLY = ("8 101", ["a=rtpmap:8 PCMA/8000", "a=rtpmap:101 telephone-event/8000"])
G729 = ("18", ["a=rtpmap:18 G729/8000"])
CALLEE = "sip:[service]@[remote_ip]:[remote_port]"


def sdp(codecs=PCMA_FIRST, version=1, direction=None):
    formats, maps = codecs
    return ["v=0", f"o=caller 1 {version} IN IP4 [local_ip]", "s=-", "c=IN IP4 [local_ip]", "t=0 0",
            f"m=audio 43990 RTP/AVP {formats}"] + maps + ([f"a={direction}"] if direction else [])


def send(lines, body, retrans=False):
    text = "\n".join("      " + line for line in lines + [""] + (body or []))
    how = ' retrans="500"' if retrans else ""
    return f"  <send{how}>\n    <![CDATA[\n\n{text}\n    ]]>\n  </send>\n"



def request(method, cseq, uri="[next_url]", branch="[branch]", to="[peer_tag_param]", body=None,
            extra=(), content="application/sdp", hops=70, retrans=True):
    return send([f"{method} {uri} SIP/2.0",
                 f"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch={branch}", *extra,
                 'From: "Ann Caller" <sip:+4722334455@[local_ip]:[local_port]>;'
                 "tag=[pid]caller[call_number]",
                 f"To: <{CALLEE}>{to}",
                 "Call-ID: [call_id]",
                 f"CSeq: {cseq} {method}",
                 "Contact: <sip:caller@[local_ip]:[local_port]>",
                 f"Max-Forwards: {hops}",
                 *([f"Content-Type: {content}"] if body else []),
                 "Content-Length: [len]"], body, retrans)


def outside(method, cseq=1, **more):
    """A request that begins something, or belongs to what has no dialog yet."""
    return request(method, cseq, uri=CALLEE, to="", **more)


def invite(body="sdp", **more):
    return outside("INVITE", body=sdp() if body == "sdp" else body, **more)


def ack(cseq=1, body=None):
    return request("ACK", cseq, body=body, retrans=False)


def ack_refusal(cseq=1, branch="[branch-1]"):
    """Part of the INVITE's transaction: same branch (RFC 3261 §17.1.1.3)."""
    return request("ACK", cseq, uri=CALLEE, branch=branch, retrans=False)


def respond(status="200 OK", body=None):
    return send([f"SIP/2.0 {status}", "[last_Via:]", "[last_From:]", "[last_To:]",
                 "[last_Call-ID:]", "[last_CSeq:]",
                 "Contact: <sip:caller@[local_ip]:[local_port]>",
                 *(["Content-Type: application/sdp"] if body else []),
                 "Content-Length: [len]"], body)


_variables = 0


def variable():
    global _variables
    _variables += 1
    return _variables


def has(pattern, header=None):
    """A check: the pattern must be in this header, or anywhere in the message."""
    where = f'search_in="hdr" header="{header}:"' if header else 'search_in="msg"'
    return (f'      <ereg regexp="{pattern}" {where} check_it="true" '
            f'assign_to="{variable()}"/>\n')


def action(checks):
    return f"<action>\n{''.join(checks)}    </action>" if checks else ""


def response(status, *checks, timeout_ms=8000, optional=False, dialog=False):
    how = ' optional="true"' if optional else f' timeout="{timeout_ms}"'
    how += ' rrs="true"' if dialog else ""
    return f'  <recv response="{status}"{how}>{action(checks)}</recv>\n'


def arrives(method, *checks, timeout_ms=8000):
    return f'  <recv request="{method}" timeout="{timeout_ms}">{action(checks)}</recv>\n'


def progress():
    return response(100, optional=True) + response(180, optional=True)


def answered(*checks):
    return progress() + response(200, *checks, dialog=True)


def call(*checks, **more):
    """INVITE, 200, ACK."""
    return invite(**more) + answered(*checks) + ack()


def ask(method, cseq, status, *checks, **more):
    """A request inside the dialog and its response."""
    return request(method, cseq, **more) + response(status, *checks)


def again(cseq, status, *checks, **more):
    """A re-INVITE."""
    return (request("INVITE", cseq, **more) + response(100, optional=True) +
            response(status, *checks) + (ack_refusal(cseq) if status >= 300 else ""))


def bye(cseq):
    return ask("BYE", cseq, 200)


def refused(status, *checks, **more):
    return (invite(**more) + response(100, optional=True) +
            response(status, has(";tag=", "To"), *checks) + ack_refusal())


def cancelled(send_index, final_index):
    """CANCEL of the first INVITE, which is message 0; the arguments count messages back to it."""
    return (outside("CANCEL", branch=f"[branch-{send_index}]") + response(200) + response(487) +
            ack_refusal(branch=f"[branch-{final_index}]"))


EPOCH_65 = "681574[0-9]+"      # 65 * 2^20 = 68157440
EPOCH_129 = "1352663[0-9]+"    # 129 * 2^20 = 135266304
OUR_TAG = has("tag=[0-9]+caller", "To")
SAME_TAG = ('      <ereg regexp="tag=([0-9a-f]+)" search_in="hdr" header="{0}:" check_it="true" '
            'assign_to="{1},{2}"/>\n')
# The successor's From tag must be the To tag of the 200 that another process sent.
TAG_OF_200 = SAME_TAG.format("To", 901, 902)
TAG_STILL = (SAME_TAG.format("From", 903, 904) +
             '      <strcmp assign_to="905" variable="902" variable2="904"/>\n'
             '      <test assign_to="906" variable="905" compare="equal" value="0"/>\n')
TIMER = "Supported: timer"

SCENARIOS = {
    # A call is answered with the first codec offered; the caller hangs up.
    "call": call(has(";tag=", "To"), has("m=audio [0-9]+ RTP/AVP 8 101"), has("a=sendrecv"),
                 has("sip:127[0-9.]+:43000", "Contact"), has("lr>", "Record-Route"),
                 extra=["Record-Route: <sip:[local_ip]:[local_port];lr>"]) + bye(2),
    # Contact and SDP carry the address that we are known by.
    "advertised": call(has("sip:127.0.0.9:43000", "Contact"), has("c=IN IP4 127.0.0.9")) +
    bye(2),
    # 100 comes when the answer takes longer than 200 ms.
    "trying": invite() + response(100) + response(200, dialog=True) + ack() + bye(2),
    "cancel": invite() + response(100, optional=True) + response(180) + cancelled(3, 6),
    # An INVITE without offer: ours comes in the 200, the answer goes in the ACK.
    "offerless": invite(body=None) + answered(has("m=audio [0-9]+ RTP/AVP 8 0 101")) +
    ack(body=sdp(PCMU_ONLY)) + bye(2),
    # An ACK that fails to answer our offer ends the call.
    "offerless_bad": invite(body=None) + answered() + ack() + arrives("BYE") + respond(),
    # Hold, back, a codec that we lack (the call goes on), no offer; then UPDATE with and without.
    "hold": call(has("o=- [0-9]+ 1 ")) +
    again(2, 200, has("a=recvonly"), has("o=- [0-9]+ 2 "), body=sdp(version=2,
                                                                    direction="sendonly")) +
    ack(2) + again(3, 200, has("a=sendrecv"), body=sdp(version=3)) + ack(3) +
    again(4, 488, body=sdp(G729, version=4)) +
    again(5, 200, has("m=audio [0-9]+ RTP/AVP 8 0 101")) + ack(5, body=sdp(version=5)) +
    ask("UPDATE", 6, 200, has("a=inactive"), has("RTP/AVP 0 101"),
        body=sdp(PCMU_ONLY, 6, "inactive")) +
    ask("UPDATE", 7, 200) + ask("OPTIONS", 8, 200) + bye(9),
    # A lower CSeq gets 500 and the call lives on; after BYE there is no dialog.
    "cseq": call() + ask("OPTIONS", 5, 200) + ask("UPDATE", 4, 500) + bye(6) +
    ask("BYE", 7, 481) + ask("OPTIONS", 8, 481, to=";tag=nobody"),
    "we_bye": call() + arrives("BYE", has(EPOCH_65 + " BYE", "CSeq"), OUR_TAG) + respond(),
    "we_modify": call() +
    arrives("INVITE", has("m=audio 43996 RTP/AVP 8 101"), has(EPOCH_65 + " INVITE", "CSeq")) +
    respond(body=sdp(PCMA_ONLY, 2)) + arrives("ACK") + arrives("BYE") + respond(),
    # Our re-INVITE meets theirs: it is sent again.
    "glare": call() + arrives("INVITE") + respond("491 Request Pending") + arrives("ACK") +
    arrives("INVITE") + respond(body=sdp(PCMA_ONLY, 2)) + arrives("ACK") + arrives("BYE") +
    respond(),
    # The ACK is lost: the 200 is repeated, then BYE.
    "no_ack": invite() + answered() + arrives("BYE", timeout_ms=12000) + respond(),
    # The process that answered is gone; its successor goes on in the next epoch.
    "handover_bye": call(TAG_OF_200) +
    arrives("BYE", TAG_STILL, has(EPOCH_129 + " BYE", "CSeq"), OUR_TAG) + respond(),
    "handover_reinvite": call(TAG_OF_200) +
    arrives("INVITE", TAG_STILL, has(EPOCH_129 + " INVITE", "CSeq"), OUR_TAG,
            has("m=audio 43996 RTP/AVP 8 101"), has("o=- [0-9]+ 2 IN IP4 127[0-9.]+")) +
    respond(body=sdp(PCMA_ONLY, 2)) + arrives("ACK") +
    arrives("BYE", has("135266306 BYE", "CSeq")) + respond(),
    # Half the interval may be over already: the successor asks soon, not at half of it anew.
    "handover_wait": call(TAG_OF_200, extra=[TIMER, "Session-Expires: 90;refresher=uas"]) +
    arrives("INVITE", TAG_STILL, has(EPOCH_129 + " INVITE", "CSeq"),
            has("90;refresher=uac", "Session-Expires"), timeout_ms=15000) +
    respond(body=sdp(PCMA_ONLY, 2)) + arrives("ACK") + bye(2),
    # Loose routers keep their order; a strict one takes the Request-URI.
    "route_loose": call(extra=[
        "Record-Route: <sip:[local_ip]:[local_port];lr>, <sip:10.0.0.9;lr;x=1>"]) +
    arrives("BYE", has("BYE sip:caller@127[0-9.]+"), has("Route: .sip:127[0-9.]+:[0-9]+;lr."),
            has("Route: .sip:10.0.0.9;lr;x=1.")) + respond(),
    "route_strict": call(extra=["Record-Route: <sip:strict@[local_ip]:[local_port]>"]) +
    arrives("BYE", has("BYE sip:strict@127[0-9.]+"),
            has("Route: .sip:caller@127[0-9.]+:[0-9]+.")) + respond(),
    # What is refused, and with what.
    "unknown": refused(404),
    "busy": refused(486),
    "codec": refused(488, body=sdp(G729)),
    "require": refused(420, has("100rel", "Unsupported"), extra=["Require: 100rel"]),
    "body": refused(415, has("application/sdp", "Accept"), body=["hello"], content="text/plain"),
    "full": refused(503, has("7", "Retry-After")),
    "drained": refused(503, has("30", "Retry-After")),
    "session_small": refused(422, has("90", "Min-SE"), extra=[TIMER, "Session-Expires: 30"]),
    "failed": refused(500),
    "hops": refused(483, hops=0),
    # The same INVITE over another path; the first one is not disturbed.
    "merged": invite() + response(100, optional=True) + response(180) + invite() +
    response(482) + cancelled(5, 8),
    "methods": outside("OPTIONS", 1) + response(200, has("INVITE", "Allow"),
                                                has("application/sdp", "Accept")) +
    outside("INFO", 2) + response(405, has("INVITE", "Allow")) +
    outside("FROBNICATE", 3) + response(501, has("INVITE", "Allow")) +
    outside("BYE", 4) + response(481) + outside("CANCEL", 5) + response(481),
    # RFC 4028: we refresh at half the interval; the other one should have and did not.
    "session_refresh": call(has("90;refresher=uas", "Session-Expires"),
                            extra=[TIMER, "Allow: INVITE, ACK, BYE, CANCEL, UPDATE",
                                   "Session-Expires: 90;refresher=uas"]) +
    arrives("UPDATE", has("90;refresher=uac", "Session-Expires"), timeout_ms=50000) +
    respond() + bye(2),
    "session_end": call(has("90;refresher=uac", "Session-Expires"), has("timer", "Require"),
                        extra=[TIMER, "Session-Expires: 90;refresher=uac"]) +
    arrives("BYE", timeout_ms=65000) + respond(),
}

# Compact names, as RFC 3261 §7.3.3 allows them; a response repeats them as they came.
COMPACT = {"Via: ": "v: ", "From: ": "f: ", "To: ": "t: ", "Call-ID: ": "i: ", "Contact: ": "m: ",
           "Content-Type: ": "c: ", "Content-Length: ": "l: ", 'header="To:"': 'header="t:"'}
compact = SCENARIOS["call"]
for name, short in COMPACT.items():
    compact = compact.replace(name, short, 1)
SCENARIOS["compact"] = compact


def write(folder, name, steps):
    # SIPp warns of variables that are set and never read.
    names = sorted({v for group in re.findall(r'assign_to="([\d,]+)"', steps)
                    for v in group.split(",")}, key=int)
    used = f'  <Reference variables="{",".join(names)}"/>\n' if names else ""
    with open(os.path.join(folder, name + ".xml"), "w", encoding="utf-8") as f:
        f.write('<?xml version="1.0" encoding="UTF-8" ?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n'
                f'<scenario name="{name}">\n{steps}{used}</scenario>\n')


for scenario, its_steps in SCENARIOS.items():
    write(sys.argv[1], scenario, its_steps)
