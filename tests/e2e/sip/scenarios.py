import os, re, sys
OUT = sys.argv[1]
INV='''  <send retrans="500">
    <![CDATA[

      INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
%(extra)s      From: "Ann Caller" <sip:+4722334455@[local_ip]:[local_port]>;tag=[pid]caller[call_number]
      To: <sip:[service]@[remote_ip]:[remote_port]>
      Call-ID: [call_id]
      CSeq: 1 INVITE
      Contact: <sip:caller@[local_ip]:[local_port]%(ctp)s>
      Max-Forwards: 70
%(ctype)s      Content-Length: [len]

%(sdp)s    ]]>
  </send>
'''
SDP='''      v=0
      o=caller 1 %(ver)s IN IP4 [local_ip]
      s=-
      c=IN IP4 [local_ip]
      t=0 0
      m=audio 43990 RTP/AVP %(fmts)s
%(attrs)s'''
RTPMAP='''      a=rtpmap:8 PCMA/8000
      a=rtpmap:0 PCMU/8000
      a=rtpmap:101 telephone-event/8000
'''
def sdp(fmts='8 0 101',attrs=RTPMAP,ver=1): return SDP%dict(fmts=fmts,attrs=attrs,ver=ver)
def invite(extra='',body=None,ctp=''):
    body=sdp() if body is None else body
    ct='      Content-Type: application/sdp\n' if body else ''
    return INV%dict(extra=''.join('      %s\n'%e for e in extra.split('\n') if e),ctype=ct,sdp=body,ctp=ctp)
def inside(met,cseq,branch='[branch]',body='',extra='',to='[peer_tag_param]',retrans=True,cs=None,uri='[next_url]'):
    ct='      Content-Type: application/sdp\n' if body else ''
    ex=''.join('      %s\n'%e for e in extra.split('\n') if e)
    return '''  <send%s>
    <![CDATA[

      %s %s SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=%s
      From: "Ann Caller" <sip:+4722334455@[local_ip]:[local_port]>;tag=[pid]caller[call_number]
      To: <sip:[service]@[remote_ip]:[remote_port]>%s
      Call-ID: [call_id]
      CSeq: %s %s
      Contact: <sip:caller@[local_ip]:[local_port]>
      Max-Forwards: 70
%s%s      Content-Length: [len]

%s    ]]>
  </send>
'''%(' retrans="500"' if retrans else '',met,uri,branch,to,cseq,cs or met,ex,ct,body)
def ack(cseq=1,body=''): return inside('ACK',cseq,body=body,retrans=False)
def nack(cseq=1): return inside('ACK',cseq,branch='[branch-1]',retrans=False,uri='sip:[service]@[remote_ip]:[remote_port]')
def check(rx,where='msg',hdr=None,var=1,cond='true'):
    h=' header="%s"'%hdr if hdr else ''
    s='hdr' if hdr else where
    return '      <ereg regexp="%s" search_in="%s"%s check_it="true" assign_to="%d"/>\n'%(rx,s,h,var)
def recv(code,checks='',opt=False,rrs=False,timeout=8000):
    a='<action>\n%s    </action>'%checks if checks else ''
    return '  <recv response="%s"%s%s%s>%s</recv>\n'%(code,' optional="true"' if opt else '',' rrs="true"' if rrs else '','' if opt else ' timeout="%d"'%timeout,a)
def rreq(met,checks='',timeout=8000):
    a='<action>\n%s    </action>'%checks if checks else ''
    return '  <recv request="%s" timeout="%d">%s</recv>\n'%(met,timeout,a)
def ok(body='',status='200 OK',extra='',contact=True):
    ct='      Content-Type: application/sdp\n' if body else ''
    return '''  <send>
    <![CDATA[

      SIP/2.0 %s
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      [last_CSeq:]
      Contact: <sip:caller@[local_ip]:[local_port]>
%s      Content-Length: [len]

%s    ]]>
  </send>
'''%(status,ct,body)
P180=recv(100,opt=True)+recv(180,opt=True)
def write(name,why,body,n=1):
    refs=','.join(sorted({v for a in re.findall(r'assign_to="([\d,]+)"',body) for v in a.split(',')}))
    r='  <Reference variables="%s"/>\n'%refs if refs else ''
    open(os.path.join(OUT,name+'.xml'),'w').write('<?xml version="1.0" encoding="UTF-8" ?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n<!-- %s -->\n<scenario name="%s">\n%s%s</scenario>\n'%(why,name,body,r))
TAG=check(';tag=','hdr','To:')
ANS=check('m=audio [0-9]+ RTP/AVP 8 101',var=2)+check('a=sendrecv',var=3)
bye=lambda c: inside('BYE',c)+recv(200)
write('call','A call is answered with the first codec offered; the caller hangs up.',
  invite(extra='Record-Route: <sip:[local_ip]:[local_port];lr>')+P180+recv(200,TAG+ANS+check('sip:127.0.0.[0-9]+:43[0-9]+','hdr','Contact:',4)+check('lr>','hdr','Record-Route:',5),rrs=True)+ack()+bye(2))
write('trying','100 Trying comes when the answer takes longer than 200 ms.',
  invite()+recv(100)+recv(200,rrs=True)+ack()+bye(2))
write('cancel','CANCEL of a ringing call: 200 to the CANCEL, 487 to the INVITE.',
  invite()+recv(100,opt=True)+recv(180)+inside('CANCEL',1,branch='[branch-3]',to='',uri='sip:[service]@[remote_ip]:[remote_port]')+recv(200)+recv(487)+inside('ACK',1,branch='[branch-6]',retrans=False,uri='sip:[service]@[remote_ip]:[remote_port]'))
write('offerless','An INVITE without offer: ours comes in the 200, the answer goes in the ACK.',
  invite(body='')+P180+recv(200,check('m=audio [0-9]+ RTP/AVP 8 0 101',var=2),rrs=True)+ack(body=sdp('0 101','      a=rtpmap:0 PCMU/8000\n      a=rtpmap:101 telephone-event/8000\n'))+bye(2))
write('offerless_bad','An ACK that fails to answer our offer ends the call with BYE.',
  invite(body='')+P180+recv(200,rrs=True)+ack()+rreq('BYE')+ok())
write('hold','re-INVITE: hold, back, a codec that we lack (488, the call goes on), no offer; then UPDATE.',
  invite()+P180+recv(200,check('o=- [0-9]+ 1 ',var=2),rrs=True)+ack()
  +inside('INVITE',2,body=sdp(ver=2,attrs=RTPMAP+'      a=sendonly\n'))+recv(100,opt=True)+recv(200,check('a=recvonly',var=3)+check('o=- [0-9]+ 2 ',var=4))+ack(2)
  +inside('INVITE',3,body=sdp(ver=3))+recv(100,opt=True)+recv(200,check('a=sendrecv',var=5))+ack(3)
  +inside('INVITE',4,body=sdp('18','      a=rtpmap:18 G729/8000\n',ver=4))+recv(100,opt=True)+recv(488)+nack(4)
  +inside('INVITE',5)+recv(100,opt=True)+recv(200,check('m=audio [0-9]+ RTP/AVP 8 0 101',var=6))+ack(5,body=sdp(ver=5))
  +inside('UPDATE',6,body=sdp('0 101',attrs='      a=rtpmap:0 PCMU/8000\n      a=rtpmap:101 telephone-event/8000\n      a=inactive\n',ver=6))+recv(200,check('a=inactive',var=7)+check('RTP/AVP 0 101',var=8))
  +inside('UPDATE',7)+recv(200)+inside('OPTIONS',8)+recv(200)+bye(9))
write('cseq','In a dialog a lower CSeq gets 500; the call lives on; after BYE there is no dialog (481).',
  invite()+P180+recv(200,rrs=True)+ack()+inside('OPTIONS',5)+recv(200)+inside('UPDATE',4)+recv(500)+bye(6)+inside('BYE',7)+recv(481)+inside('OPTIONS',8,to=';tag=nobody')+recv(481))
write('we_bye','The called side hangs up: its BYE has the tags swapped and CSeq = epoch 65.',
  invite()+P180+recv(200,rrs=True)+ack()+rreq('BYE',check('681574[0-9]+ BYE','hdr','CSeq:',2)+check('tag=[0-9]+caller','hdr','To:',3)+check('tag=[0-9a-f]+','hdr','From:',4))+ok())
write('we_modify','The called side sends a re-INVITE with a new port, then BYE, CSeq rising.',
  invite()+P180+recv(200,rrs=True)+ack()+rreq('INVITE',check('m=audio 43996 RTP/AVP 8 101',var=2)+check('681574[0-9]+ INVITE','hdr','CSeq:',3))+ok(sdp('8 101',ver=2))+rreq('ACK')+rreq('BYE')+ok())
write('glare','A re-INVITE of ours meets theirs (491): it is sent again.',
  invite()+P180+recv(200,rrs=True)+ack()+rreq('INVITE')+ok(status='491 Request Pending')+rreq('ACK')+rreq('INVITE')+ok(sdp('8 101',ver=2))+rreq('ACK')+rreq('BYE')+ok())
write('no_ack','The ACK is lost: the 200 is repeated, then BYE.',
  invite()+P180+recv(200,rrs=True)+rreq('BYE',timeout=12000)+ok())
SAME=check('681574[0-9]+','hdr','CSeq:',9)
write('handover_bye','The process that answered is gone; its successor says BYE in the same dialog, with a CSeq of the next epoch (129).',
  invite()+P180+recv(200,check('tag=([0-9a-f]+)','hdr','To:',1).replace('assign_to="1"','assign_to="1,2"'),rrs=True)+ack()+rreq('BYE','      <ereg regexp="tag=([0-9a-f]+)" search_in="hdr" header="From:" check_it="true" assign_to="3,4"/>\n      <strcmp assign_to="5" variable="2" variable2="4"/>\n      <test assign_to="6" variable="5" compare="equal" value="0"/>\n'+check('13526630[0-9]+ BYE','hdr','CSeq:',7)+check('tag=[0-9]+caller','hdr','To:',8))+ok())
write('handover_reinvite','The process that answered is gone; its successor sends a re-INVITE from its own address, then BYE.',
  invite()+P180+recv(200,rrs=True)+ack()+rreq('INVITE',check('13526630[0-9]+ INVITE','hdr','CSeq:',2)+check('tag=[0-9]+caller','hdr','To:',3)+check('m=audio 43996 RTP/AVP 8 101',var=4)+check('o=- [0-9]+ 2 IN IP4 127.0.0.1',var=5))+ok(sdp('8 101',ver=2))+rreq('ACK')+rreq('BYE',check('135266306','hdr','CSeq:',6))+ok())
RR='Record-Route: <sip:[local_ip]:[local_port];lr>, <sip:10.0.0.9;lr;x=1>'
write('route_loose','Requests of ours follow the route set of loose routers, in order.',
  invite(extra=RR)+P180+recv(200,rrs=True)+ack()+rreq('BYE',check('BYE sip:caller@127.0.0.1',var=2)+check('Route: .sip:127.0.0.1:[0-9]+;lr.',var=3)+check('Route: .sip:10.0.0.9;lr;x=1.',var=4))+ok())
write('route_strict','A strict router takes the Request-URI; the target goes to the end of the route.',
  invite(extra='Record-Route: <sip:strict@[local_ip]:[local_port]>')+P180+recv(200,rrs=True)+ack()+rreq('BYE',check('BYE sip:strict@127.0.0.1',var=2)+check('Route: .sip:caller@127.0.0.1:[0-9]+.',var=3))+ok())
def refuse(name,why,code,checks='',**kw): write(name,why,invite(**kw)+recv(100,opt=True)+recv(code,TAG+checks)+nack())
refuse('unknown','A queue that nobody has configured: 404.',404)
refuse('busy','The application refuses: 486.',486)
refuse('codec','No codec in common: 488.',488,body=sdp('18 3','      a=rtpmap:18 G729/8000\n'))
refuse('require','An extension that we lack: 420, naming it.',420,check('100rel','hdr','Unsupported:',2),extra='Require: 100rel')
refuse('body','A body that is no SDP: 415 with Accept.',415,check('application/sdp','hdr','Accept:',2),body='      hello\n')
s=open(os.path.join(OUT,'body.xml')).read().replace('Content-Type: application/sdp','Content-Type: text/plain');open(os.path.join(OUT,'body.xml'),'w').write(s)
refuse('full','No room: 503 with Retry-After.',503,check('7','hdr','Retry-After:',2))
refuse('drained','Draining: 503 with Retry-After.',503,check('30','hdr','Retry-After:',2))
refuse('session_small','A session interval below the least: 422 with Min-SE.',422,check('90','hdr','Min-SE:',2),extra='Supported: timer\nSession-Expires: 30')
refuse('hops','Max-Forwards 0: 483.',483)
s=open(os.path.join(OUT,'hops.xml')).read().replace('Max-Forwards: 70','Max-Forwards: 0',1);open(os.path.join(OUT,'hops.xml'),'w').write(s)
write('merged','The same INVITE over another path: 482; the first one is not disturbed.',
  invite()+recv(100,opt=True)+recv(180)+invite()+recv(482)+inside('CANCEL',1,branch='[branch-5]',to='',uri='sip:[service]@[remote_ip]:[remote_port]')+recv(200)+recv(487)+inside('ACK',1,branch='[branch-8]',retrans=False,uri='sip:[service]@[remote_ip]:[remote_port]'))
def alone(met,code,checks,extra=''): return inside(met,1,to='',uri='sip:[service]@[remote_ip]:[remote_port]',extra=extra)+recv(code,checks)
write('methods','OPTIONS 200; a method that we do not serve 405, an unknown one 501, both with Allow; BYE to nothing 481.',
  alone('OPTIONS',200,check('INVITE','hdr','Allow:',1)+check('application/sdp','hdr','Accept:',2))
  +alone('INFO',405,check('INVITE','hdr','Allow:',3)).replace('CSeq: 1','CSeq: 2')+alone('FROBNICATE',501,check('INVITE','hdr','Allow:',4)).replace('CSeq: 1','CSeq: 3')+alone('BYE',481,'').replace('CSeq: 1','CSeq: 4')+alone('CANCEL',481,'').replace('CSeq: 1','CSeq: 5'))
write('session_refresh','We refresh (UPDATE) at half the interval when asked to.',
  invite(extra='Supported: timer\nAllow: INVITE, ACK, BYE, CANCEL, UPDATE\nSession-Expires: 90;refresher=uas')+P180+recv(200,check('90;refresher=uas','hdr','Session-Expires:',2),rrs=True)+ack()+rreq('UPDATE',check('90;refresher=uac','hdr','Session-Expires:',3),timeout=50000)+ok()+bye(2))
write('session_end','The far end was to refresh and does not: BYE before the interval ends.',
  invite(extra='Supported: timer\nSession-Expires: 90;refresher=uac')+P180+recv(200,check('90;refresher=uac','hdr','Session-Expires:',2)+check('timer','hdr','Require:',3),rrs=True)+ack()+rreq('BYE',timeout=65000)+ok())
c=open(os.path.join(OUT,'call.xml')).read()
c=c.replace('Via: ','v: ',1).replace('From: "','f: "',1).replace('To: <','t: <',1).replace('Call-ID: ','i: ',1).replace('Contact: <','m: <',1).replace('Content-Type: ','c: ',1).replace('Content-Length: ','l: ',1).replace('name="call"','name="compact"').replace('A call is answered with the first codec offered; the caller hangs up.','Compact header names, as RFC 3261 §7.3.3 allows them.')
c=c.replace('header="To:"','header="t:"')
open(os.path.join(OUT,'compact.xml'),'w').write(c)
