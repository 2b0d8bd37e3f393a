# What site-up writes for a host besides keys and configuration (sourced, bash): firewall, Redis,
# Sentinel, keepalived, stunnel. Each prints a file; $list and $mine hold NAME ROLE SITE ADDRESS PORTS.
# shellcheck shell=bash disable=SC2154

addresses() { # ROLE|daemon [SITE]: one a line
	awk -v role="$1" -v site="${2:-}" '(role == "daemon" ? $2 != "presence" && $2 != "sentinel" : $2 == role) &&
		(site == "" || $3 == site) {print $4}' <<<"$list" | sort -u
}
as_set() { paste -sd, - | sed 's/,/, /g'; }
redis_users() { (addresses node && addresses presence && addresses sentinel) | sort -u | as_set; }

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
	echo "ip daddr $3 tcp dport $(field "$4" http) jump web comment \"$1: browsers\""
}
rules_sentinel() { rules_presence "$@"; }
rules_presence() {
	# On loopback it is reached through a tunnel only.
	[[ $3 != 127.* ]] || return 0
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
		node | gateway | presence | sentinel) "rules_$role" "$name" "$site" "$address" "$ports" ;;
		esac
	done <<<"$mine" | sort -u
	# Whose certificate is not of our own authority gets no further than the tunnel's TLS.
	if has tunnel; then
		sed -n 's/^accept = \([0-9.]*\):\([0-9]*\)$/ip daddr \1 tcp dport \2 ip saddr @daemons accept comment "tunnel"/p' \
			"$tunnels/$my_site/in.conf"
	fi
	if has vip; then
		echo "ip protocol vrrp ip saddr { $(addresses gateway | as_set) } accept comment \"keepalived\""
	fi
}

# A gateway listens at its own address: what comes to the virtual one is handed to it.
rules_vip() {
	local name role address ports
	has vip || return 0
	echo "chain vip {"
	echo "	type nat hook prerouting priority dstnat;"
	while read -r name role _ address ports; do
		[ "$role" != gateway ] ||
			echo "	ip daddr ${vip%/*} tcp dport $(field "$ports" http) dnat ip to $address comment \"$name\""
	done <<<"$mine"
	echo "}"
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
		$(rules_vip)
	}
	END
}

# ---- Redis -----------------------------------------------------------------------------------------
#
# With the users that deploy/presence/acl made in the cluster folder (presence/), from the templates
# there; without, no password: then only the firewall stands before them, and site-up says so.

secured() { [ -e "$folder/presence/users.acl" ]; }
presence_acl=/etc/heliograph/presence
render() { "$root/deploy/presence/render" "$root/deploy/presence/$1" "$folder/presence" DIR=/var/lib/heliograph-redis "${@:2}"; }

file_redis() { # ADDRESS PORT MEMORY
	cat <<-END
	# Made by deploy/site-up. Nothing is kept on the disk: nodes rebuild what a Redis here holds.
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
	if secured; then echo "aclfile $presence_acl/journal-users.acl"; fi
}
# The first of presence: is the master at the beginning; Sentinel decides later.
first_presence() { awk '$2 == "presence" {sub("redis=", "", $5); print $4, $5; exit}' <<<"$list"; }
file_redis_presence() { # ADDRESS PORT
	if secured; then
		render redis.conf ADDRESS="$1" PORT="$2" ACL=$presence_acl/users.acl
	else
		file_redis "$1" "$2" 256mb
		printf 'replica-announce-ip %s\nreplica-announce-port %s\n' "$1" "$2"
	fi
	# One server alone has no replica to wait for: the template's rule would refuse every write.
	if [ "$(addresses presence | wc -l)" -lt 2 ]; then
		echo "min-replicas-to-write 0"
	fi
	[ "$1 $2" = "$(first_presence)" ] || echo "replicaof $(first_presence)"
}
file_sentinel() { # ADDRESS PORT
	local master
	master=$(first_presence)
	render sentinel.conf ADDRESS="$1" PORT="$2" ACL=$presence_acl/sentinel-users.acl MASTER="${master% *}" \
		MASTER_PORT="${master#* }" QUORUM="$quorum" DOWN_AFTER_MS=3000 FAILOVER_MS=10000
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
	    script "/usr/bin/curl -fsSk -m 1 -o /dev/null $3/healthz"
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

# ---- stunnel: presence between sites, as deploy/presence/tunnels wrote it ------------------------------

file_tunnel() { # in|out
	sed -e 's#^\(CAfile\|cert\) = .*/#\1 = /etc/heliograph/tunnel/#' "$tunnels/$my_site/$1.conf"
}
