# Test hosts on one machine (sourced, bash, as root): each has a network namespace, a process namespace,
# a file tree of its own (an overlay over this machine's, or over HELIO_HOST_ROOT, a Debian 12 root)
# and sshd, and with hosts_init=systemd a systemd. All of it lives in namespaces of the test and is gone
# when the test is.
#
#   test (10.99.0.1) ── bridge ──┬── veth ── host a (10.99.0.11)
#                                └── veth ── host b (10.99.0.12)
# shellcheck shell=bash
# shellcheck source=tests/e2e/deploy/systemd.sh
. "${BASH_SOURCE[0]%/*}/systemd.sh"
hosts_init=none
declare -A pids=() addresses=()
cgroups=()

skip() { echo "skipped: $1"; exit 77; }
needs() { # PROGRAM PACKAGE: tests/run installs what is missing, so that there it is a failure
	[ -x "$1" ] || { [ "${HELIO_NO_SKIP:-}" ] && { echo "missing: $2"; exit 1; }; skip "needs the package $2"; }
}

# Re-executes the test inside namespaces of its own.
enter_namespaces() {
	[ "${HELIO_INSIDE:-}" ] && return
	[ "$(id -u)" = 0 ] || skip "needs root"
	needs /usr/sbin/sshd openssh-server
	unshare --net --mount --pid --fork true 2>/dev/null || skip "no namespaces can be made here"
	HELIO_INSIDE=1 exec unshare --net --mount --pid --fork --kill-child --mount-proc "$0" "$@"
}

hosts_begin() {
	base=$(mktemp -d /tmp/helio-hosts.XXXXXX)
	mount -t tmpfs -o mode=755,size=2g tmpfs "$base"
	mount -t tmpfs tmpfs /run/netns 2>/dev/null || { mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns; }
	mkdir "$base/ssh"
	ssh-keygen -q -t ed25519 -N '' -f "$base/ssh/key"
	ssh-keygen -q -t ed25519 -N '' -f "$base/ssh/host"
	cat >"$base/ssh/config" <<-END
	Host *
		User root
		IdentityFile $base/ssh/key
		IdentitiesOnly yes
		BatchMode yes
		StrictHostKeyChecking no
		UserKnownHostsFile /dev/null
		LogLevel ERROR
		ControlMaster auto
		ControlPath $base/ssh/%n
		ControlPersist 60
	END
	export HELIO_SSH="ssh -F $base/ssh/config"
	ip link set lo up
	ip link add hgbr type bridge
	ip address add 10.99.0.1/24 dev hgbr
	ip link set hgbr up
}

# The directory is a mount inside this namespace: what is left is the empty mount point.
hosts_end() {
	systemd_end
	umount -R -l "$base" 2>/dev/null || true
	rmdir "$base" 2>/dev/null || true
}

host_make() { # NAME ADDRESS
	local name=$1 address=$2 tree=$base/$1/root
	mkdir -p "$base/$name"/{upper,work,root}
	mount -t overlay overlay -o "lowerdir=${HELIO_HOST_ROOT:-/},upperdir=$base/$name/upper,workdir=$base/$name/work" "$tree"
	mount --rbind /dev "$tree/dev"
	mount -t sysfs sysfs "$tree/sys" 2>/dev/null || true
	mount -t tmpfs -o mode=755 tmpfs "$tree/run"
	mount -t tmpfs -o mode=1777 tmpfs "$tree/tmp"
	mount -t tmpfs -o mode=700 tmpfs "$tree/root" # not this machine's
	mkdir -p "$tree/run/sshd" "$tree/root/.ssh" "$tree/etc/ssh"
	install -m 600 "$base/ssh/key.pub" "$tree/root/.ssh/authorized_keys"
	install -m 600 "$base/ssh/host" "$tree/etc/ssh/hg_host"
	cat >"$tree/etc/ssh/hg_sshd" <<-END
	ListenAddress $address
	HostKey /etc/ssh/hg_host
	UsePAM no
	PasswordAuthentication no
	PermitRootLogin prohibit-password
	AuthorizedKeysFile /root/.ssh/authorized_keys
	StrictModes no
	PidFile none
	MaxStartups 100
	END
	chroot "$tree" usermod -p '*' root
	# No service of the package tree may start by itself here.
	printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
	chmod 755 "$tree/usr/sbin/policy-rc.d"
	# Neither this machine's hooks nor a sync of a tree in memory.
	rm -f "$tree"/etc/apt/apt.conf.d/*{packagekit,appstream,docker}*
	echo force-unsafe-io >"$tree/etc/dpkg/dpkg.cfg.d/hg"
	[ "$hosts_init" = none ] || systemd_prepare "$tree"
	ip netns add "hg-$name"
	ip link add "hg-$name" type veth peer name eth0 netns "hg-$name"
	ip link set "hg-$name" master hgbr up
	ip -n "hg-$name" link set lo up
	ip -n "hg-$name" address add "$address/24" dev eth0
	ip -n "hg-$name" link set eth0 up
	printf 'Host %s\n\tHostName %s\n' "$name" "$address" >>"$base/ssh/config"
	addresses[$name]=$address
	host_boot "$name"
	host_wait "$name"
}
answers_ssh() { $HELIO_SSH "$1" true 2>/dev/null; }
host_wait() { ask_until 60 answers_ssh "$1" || { cat "$base/$1/"*.log; echo "no sshd at $1"; return 1; }; } # NAME
host_boot() { # NAME
	if [ "$hosts_init" = systemd ]; then
		systemd_boot "$1"
		return
	fi
	ip netns exec "hg-$1" unshare --mount --pid --fork --kill-child --root="$base/$1/root" --mount-proc \
		/usr/sbin/sshd -D -e -f /etc/ssh/hg_sshd >"$base/$1/sshd.log" 2>&1 &
	pids[$1]=$!
	disown $!
}
at() { # HOST COMMAND…
	local host=$1
	shift
	$HELIO_SSH "$host" "$@"
}

# ---- what a test says --------------------------------------------------------------------------------

checks=0
check() { # "a sentence that is true" COMMAND…
	local what=$1 began=$SECONDS
	shift
	checks=$((checks + 1))
	local into=$base/said
	case $1 in said | unsaid) into=$base/said.look ;; esac
	if "$@" >"$into" 2>&1; then
		printf 'ok %d - %s (%d s)\n' "$checks" "$what" $((SECONDS - began))
	else
		printf 'not ok %d - %s\n' "$checks" "$what"
		tail -n 60 "$into" | sed 's/^/#   /'
		if [ "$(type -t on_failure)" = function ]; then on_failure 2>&1 | sed 's/^/#   /'; fi
		exit 1
	fi
}
# Of the output of the last check that was not one of these.
said() { grep -qE -- "$1" "$base/said" || { echo "not said: $1"; cat "$base/said"; return 1; }; }
unsaid() { ! grep -E -- "$1" "$base/said"; }
not() { ! "$@"; }

# Asks until the answer is yes: another host's daemons, Redis and addresses tell nobody when they have changed.
# The deadline is a failure; the pause only keeps the asking from being the load.
ask_until() { # SECONDS COMMAND…
	local limit=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $limit ] || return 1
		sleep 0.1
	done
}
