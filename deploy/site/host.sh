# What deploy/site-up and deploy/roll do on a host: sent over ssh, run there by bash as root. The last
# line, added by the caller, calls one of these functions. Prints facts, not prose: the caller tells.
# shellcheck shell=bash
set -euo pipefail
store=/var/cache/heliograph    # packages by version: what roll goes back to
work=/var/lib/heliograph-deploy # where files wait until they are whole
init=systemd
[ -d /run/systemd/system ] || init=none

host_facts() {
	echo "init=$init"
	echo "arch=$(dpkg --print-architecture)"
	ip -o -4 addr show | while read -r _ link _ address _; do
		echo "address=${address%/*} $link"
	done
	dpkg-query -W -f='package=${Package} ${Version} ${db:Status-Abbrev}\n' 'heliograph-*' 2>/dev/null |
		sed -n 's/ ii *$//p' || true
	if [ -e /etc/heliograph/config/current ]; then
		echo "config=$(readlink /etc/heliograph/config/current)"
	fi
	local name
	for name in redis-server nftables keepalived stunnel4 curl; do
		if dpkg-query -W -f='${db:Status-Abbrev}' $name 2>/dev/null | grep -q '^ii'; then
			echo "package=$name installed"
		fi
	done
}

# The highest version of the configuration that a daemon of this host runs; nothing: none answers, or
# it is unsigned.
host_config_runs() {
	(helioctl status --json 2>/dev/null || true) | tr -d '\n' | grep -o '"config": {[^}]*"version": [0-9]*' |
		sed 's/.* //' | sort -n | tail -n 1 || true
}

# Its cluster.yaml, agents.yaml, cluster.sig, and the files that travel with them, as a tar: as applied
# here, or as a daemon keeps it.
host_config_files() { # VERSION
	local dir=/etc/heliograph/config/$1 names=(cluster.yaml agents.yaml cluster.sig)
	if [ ! -e "$dir/cluster.sig" ]; then
		dir=$work/was
		host_config_kept "$1" "$dir" || return 1
	fi
	if [ -e "$dir/cluster.files" ]; then names+=(cluster.files files); fi
	tar -c -C "$dir" "${names[@]}"
}
# The copy of a daemon, as a folder. A gateway's has no sounds: one that has them all.
host_config_kept() { # VERSION DIR
	local bundle state hash whole lengths at i file
	while read -r bundle; do
		state=${bundle%/*} whole=yes
		for hash in $(sed -n 's/^file: [a-z]* \([0-9a-f]*\) .*/\1/p' "$state/config-$1.files" 2>/dev/null); do
			[ -e "$state/files/$hash" ] || whole=''
		done
		[ "$whole" ] || continue
		rm -rf "$2"
		install -d -m 0700 "$work" "$2"
		read -r -a lengths < <(head -n 1 "$bundle")
		at=$(($(head -n 1 "$bundle" | wc -c) + 1)) i=2
		for file in cluster.sig cluster.yaml agents.yaml; do
			tail -c "+$at" "$bundle" | head -c "${lengths[$i]}" >"$2/$file" || [ $? = 141 ]
			at=$((at + lengths[i])) i=$((i + 1))
		done
		if [ -e "$state/config-$1.files" ]; then
			cp "$state/config-$1.files" "$2/cluster.files"
			cp -r "$state/files" "$2/files"
		fi
		return
	done < <(find /var/lib/heliograph -maxdepth 2 -name "config-$1.bundle")
	return 1
}

# "SHA256 MODE OWNER GROUP PATH" a line on standard input; says new, changed or same of each.
host_compare() {
	local sum mode owner group path
	while read -r sum mode owner group path; do
		if [ ! -e "$path" ]; then
			echo "new $path"
		elif [ "$(sha256sum <"$path" | cut -d' ' -f1)" != "$sum" ] ||
			[ "$(stat -c '%a %U %G' "$path")" != "$mode $owner $group" ]; then
			echo "changed $path"
		else
			echo "same $path"
		fi
	done
}

# A tar of files and of MANIFEST (as above) on standard input: each file is put in place by a rename.
host_put() {
	local sum mode owner group path
	rm -rf "$work/in"
	install -d -m 0700 "$work" "$work/in"
	tar -x -C "$work/in" --no-same-owner
	while read -r sum mode owner group path; do
		[ "$(sha256sum <"$work/in$path" | cut -d' ' -f1)" = "$sum" ]
		install -d "${path%/*}"
		install -m "$mode" -o "$owner" -g "$group" "$work/in$path" "$path.deploy-new"
		mv -f "$path.deploy-new" "$path"
	done <"$work/in/MANIFEST"
	rm -rf "$work/in"
}

# Packages as a tar on standard input, kept by version, then installed. apt settles what they need.
host_packages() { # VERSION [DEBIAN-PACKAGE…]
	local version=$1
	shift
	rm -rf "$store/$version.new"
	install -d -m 0755 "$store/$version.new"
	tar -x -C "$store/$version.new" --no-same-owner
	rm -rf "${store:?}/$version"
	mv "$store/$version.new" "$store/$version"
	host_install "$version" "$@"
}

host_install() { # VERSION [DEBIAN-PACKAGE…]
	local version=$1 said
	shift
	export DEBIAN_FRONTEND=noninteractive
	# Conffiles that somebody changed stay as they are.
	said=$(apt-get install -y --no-install-recommends --allow-downgrades \
		-o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-confdef \
		"$store/$version"/*.deb "$@" 2>&1) || {
		printf '%s\n' "$said" | tail -n 20 >&2
		return 1
	}
	# Debian's own instances would hold ports and memory for nothing here.
	if [ "$init" = systemd ]; then
		systemctl disable --now redis-server redis-sentinel >/dev/null 2>&1 || true
	fi
}

# fullchain.pem and privkey.pem as a tar on standard input.
host_certificate() {
	rm -rf "$work/certificate"
	install -d -m 0700 "$work" "$work/certificate"
	tar -x -C "$work/certificate" --no-same-owner
	heliograph-certificate "$work/certificate/fullchain.pem" "$work/certificate/privkey.pem" --no-wait
	rm -rf "$work/certificate"
}

# ---- units: systemd, or deploy/site/supervise where there is none -----------------------------------

host_unit() { # VERB UNIT…
	local verb=$1 unit
	shift
	for unit in "$@"; do
		if [ "$init" = none ]; then
			/usr/local/lib/heliograph/supervise "$verb" "$unit" || return 1
			continue
		fi
		case $verb in
		start) systemctl daemon-reload && systemctl enable --quiet --now heliograph.target "$unit" ;;
		stop) systemctl disable --quiet --now "$unit" ;;
		active) systemctl is-active --quiet "$unit" ;;
		*) systemctl "$verb" "$unit" ;;
		esac || return 1
	done
}

host_units_state() { # UNIT…
	local unit
	for unit in "$@"; do
		if host_unit active "$unit" 2>/dev/null; then
			echo "active $unit"
		else
			echo "inactive $unit"
		fi
	done
}

# Until the daemon answers and nothing is wrong with it.
host_healthy() { # NAME SECONDS
	local end=$((SECONDS + $2))
	until helioctl status "$1" >/dev/null 2>&1; do
		if [ $SECONDS -ge $end ]; then
			helioctl status "$1" >&2 || true
			return 1
		fi
		sleep 0.2
	done
}

host_mesh_ready() { # GATEWAY-URL SECONDS: it hears a node
	local end=$((SECONDS + $2))
	until curl -fsSk -m 2 "$1/healthz" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}

# Until the daemon answers at all.
host_answers() { # NAME SECONDS
	local end=$((SECONDS + $2)) said
	while :; do
		said=$(helioctl status "$1" --json 2>/dev/null) || true
		if grep -q '"answers": true' <<<"$said"; then return; fi
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}

# ---- rolling ----------------------------------------------------------------------------------------

host_pid() { # UNIT
	if [ "$init" = none ]; then
		cat "/run/heliograph-supervise/$1.child"
	else
		systemctl show --property MainPID --value "$1"
	fi
}

# Does the daemon run the program and the configuration that lie on the disk, and is it well?
host_is_current() { # NAME UNIT
	local exe said runs
	exe=$(readlink "/proc/$(host_pid "$2")/exe")
	[[ $exe != *"(deleted)" ]] || return 1
	said=$(helioctl status "$1" --json 2>/dev/null) || return 1
	# On a host whose daemons are all behind its files, none is behind another.
	runs=$(tr -d '\n' <<<"$said" | sed -n 's/.*"config": {[^}]*"version": \([0-9]*\).*/\1/p')
	[ -z "$runs" ] || [ "$runs" = "$(readlink /etc/heliograph/config/current)" ]
}

# Is there a version to go back to?
host_has_version() { [ -d "$store/$1" ]; }

# Keys of others that nobody knows any more: after a rotation, after a daemon was taken out.
host_prune() { # NAME… in keys/curve that may stay
	local file
	for file in /etc/heliograph/keys/curve/*; do
		[[ " $* " == *" ${file##*/} "* ]] && continue
		rm -f "$file"
		echo "removed $file"
	done
}
