# What site-up writes for a host besides keys and configuration (sourced, bash): firewall, Redis,
# Sentinel, keepalived, stunnel. Each prints a file; $list and $mine hold NAME ROLE SITE ADDRESS PORTS.
# shellcheck shell=bash disable=SC2154

addresses() { # ROLE|daemon [SITE]: one a line
	awk -v role="$1" -v site="${2:-}" '(role == "daemon" ? $2 != "presence" : $2 == role) &&
		(site == "" || $3 == site) {print $4}' <<<"$list" | sort -u
}
as_set() { paste -sd, - | sed 's/,/, /g'; }
redis_users() { (addresses node && addresses presence) | sort -u | as_set; }

# ---- firewall ------------------------------------------------------------------------------------

rules_node() { # NAME SITE ADDRESS PORTS
	local sip journal
	sip="ip daddr $3 udp dport $(field "$4" sip)"
	echo "$sip jump sip comment \"$1: SIP\""
	echo "${sip/udp/tcp} jump sip comment \"$1: SIP\""
	echo "ip daddr $3 udp dport $(field "$4" media) accept comment \"$1: audio\""
	journal=$(field "$4" journal)
	if has journal && [ -n "$journal" ]; then
		echo "ip daddr ${journal%:*} tcp dport ${journal#*:} ip saddr { $(addresses node "$2" | as_set) } accept comment \"journal: nodes of $2\""
	fi
}
rules_gateway() { # NAME SITE ADDRESS PORTS
	echo "ip daddr { $3${vip:+, ${vip%%/*}} } tcp dport $(field "$4" http) jump web comment \"$1: browsers\""
}
rules_presence() {
	echo "ip daddr $3 tcp dport $(field "$4" redis) ip saddr { $(redis_users) } accept comment \"$1\""
}
rules() {
	local name role site address ports port
	while read -r name role site address ports; do
		[ -n "$name" ] || continue
		port=$(field "$ports" mesh)
		[ -z "$port" ] ||
			echo "ip daddr $address tcp dport $port ip saddr @daemons accept comment \"$name: mesh\""
		port=$(field "$ports" admin)
		[ -z "$port" ] ||
			echo "ip daddr $address tcp dport $port ip saddr @operators accept comment \"$name: operators\""
		port=$(field "$ports" metrics)
		[ -z "$port" ] ||
			echo "ip daddr $address tcp dport $port ip saddr @operators accept comment \"$name: metrics\""
		case $role in
		node | gateway | presence) "rules_$role" "$name" "$site" "$address" "$ports" ;;
		esac
	done <<<"$mine" | sort -u
	if has sentinel; then
		echo "tcp dport $sentinel_port ip saddr { $(redis_users) } accept comment \"Sentinel\""
	fi
	if [ -n "$tunnels" ]; then
		echo "tcp dport { $(awk '{print $1 + 10000}' <<<"$tunnels" | as_set) } ip saddr { $(awk '{print $2}' <<<"$tunnels" | sort -u | as_set) } accept comment \"stunnel of other sites\""
	fi
	if has vip; then
		echo "ip protocol vrrp ip saddr { $(addresses gateway | as_set) } accept comment \"keepalived\""
	fi
}

file_firewall() { # SSH-PORT
	cat <<-END
	# Made by deploy/site-up: what the daemons of this host need, and ssh. Loaded whole or not at all.
	table inet heliograph
	delete table inet heliograph
	table inet heliograph {
		set daemons { type ipv4_addr; elements = { $(addresses daemon | as_set) }; }
		set operators { type ipv4_addr; flags interval; elements = { $operators }; }
		# Carriers: no limit. A source that is not one and asks too often is held off.
		set trunks { type ipv4_addr; flags interval;${trunks:+ elements = { $trunks \};} }
		set sip_rate { type ipv4_addr; size 65536; flags dynamic,timeout; timeout 60s; }
		set web_rate { type ipv4_addr; size 65536; flags dynamic,timeout; timeout 60s; }

		chain sip {
			ip saddr @trunks accept
			update @sip_rate { ip saddr limit rate over $sip_limit/second burst $((sip_limit * 2)) packets } counter drop
			accept
		}
		chain web {
			update @web_rate { ip saddr limit rate over $web_limit/second burst $((web_limit * 4)) packets } counter drop
			accept
		}
		chain input {
			type filter hook input priority 0; policy drop;
			iif lo accept
			# Before "established": a flood over UDP is one connection to conntrack.
			$(rules | grep 'udp.*jump sip' || echo '# no node here')
			ct state established,related accept
			ct state invalid drop
			ip protocol icmp accept
			ip6 nexthdr icmpv6 accept
			tcp dport $1 ct state new limit rate 60/minute burst 60 packets accept comment "ssh"
			$(rules | grep -v 'udp.*jump sip')
			counter comment "dropped"
		}
	}
	END
}

# ---- Redis -----------------------------------------------------------------------------------------

file_redis() { # ADDRESS PORT MEMORY
	cat <<-END
	# Made by deploy/site-up. Nothing is kept on the disk: nodes rebuild what a Redis here holds.
	# No password: the firewall lets in the nodes that need it, and nobody else.
	bind $1
	port $2
	protected-mode no
	save ""
	appendonly no
	dir /var/lib/heliograph-redis
	maxmemory $3
	maxmemory-policy noeviction
	tcp-keepalive 10
	timeout 0
	END
}
file_redis_journal() { # HOST:PORT
	file_redis "${1%:*}" "${1#*:}" 1gb
}
# The first of presence: is the master at the beginning; Sentinel decides later.
first_presence() { awk '$2 == "presence" {sub("redis=", "", $5); print $4, $5; exit}' <<<"$list"; }
file_redis_presence() { # ADDRESS PORT
	file_redis "$1" "$2" 256mb
	echo "replica-announce-ip $1"
	echo "replica-announce-port $2"
	[ "$1 $2" = "$(first_presence)" ] || echo "replicaof $(first_presence)"
}
file_sentinel() { # OWN-ADDRESS PORT
	cat <<-END
	# Made by deploy/site-up; Sentinel rewrites a copy in /var/lib/heliograph-redis.
	port $2
	protected-mode no
	dir /var/lib/heliograph-redis
	sentinel announce-ip $1
	sentinel announce-port $2
	sentinel monitor presence $(first_presence) $quorum
	sentinel down-after-milliseconds presence 3000
	sentinel failover-timeout presence 10000
	sentinel parallel-syncs presence 1
	END
}

# ---- keepalived: one address for the gateways of a site ----------------------------------------------

file_keepalived() { # OWN-ADDRESS INTERFACE URL SITE
	cat <<-END
	# Made by deploy/site-up: $vip goes to a gateway host that is well, by unicast VRRP.
	global_defs {
	    enable_script_security
	    script_user nobody
	}
	vrrp_script gateway {
	    script "/usr/bin/curl -fsS -m 1 -o /dev/null $3/healthz"
	    interval 2
	    fall 2
	    rise 2
	    weight -100
	}
	vrrp_instance heliograph_$4 {
	    state BACKUP
	    interface $2
	    virtual_router_id $vrid
	    priority $priority
	    advert_int 1
	    unicast_src_ip $1
	    unicast_peer {
	$(addresses gateway "$4" | grep -vxF "$1" | sed 's/^/        /' || true)
	    }
	    virtual_ipaddress {
	        $vip
	    }
	    track_script {
	        gateway
	    }
	}
	END
}

# ---- stunnel: presence between sites -------------------------------------------------------------------
#
#   tunnels: "PORT ADDRESS" a line. Redis PORT lives on the host with ADDRESS, as 127.0.0.1:PORT; every
#   other host reaches it as 127.0.0.1:PORT too, so that the addresses which Redis and Sentinel tell
#   each other are right everywhere and never lead past the tunnel. On the wire: ADDRESS:PORT+10000.

file_stunnel() { # OWN-ADDRESSES
	local port address
	cat <<-END
	; Made by deploy/site-up: presence between sites, TLS with the cluster's pre-shared key.
	foreground = yes
	pid =
	setuid = stunnel4
	setgid = stunnel4
	sslVersionMin = TLSv1.2
	PSKsecrets = /etc/stunnel/heliograph.psk
	ciphers = PSK
	TIMEOUTconnect = 3
	TIMEOUTclose = 0
	socket = l:SO_KEEPALIVE=1
	socket = r:SO_KEEPALIVE=1
	socket = l:TCP_NODELAY=1
	socket = r:TCP_NODELAY=1
	END
	while read -r port address; do
		[ -n "$port" ] || continue
		if grep -qxF "$address" <<<"$1"; then
			printf '\n[presence-%s]\naccept = %s:%s\nconnect = 127.0.0.1:%s\n' \
				"$port" "$address" $((port + 10000)) "$port"
		else
			printf '\n[presence-%s]\nclient = yes\naccept = 127.0.0.1:%s\nconnect = %s:%s\n' \
				"$port" "$port" "$address" $((port + 10000))
		fi
	done <<<"$tunnels"
}
