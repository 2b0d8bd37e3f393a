# A systemd of its own for a test host (sourced by hosts.sh): as PID 1 of the host's process namespace,
# in a cgroup namespace, over the host's file tree. The machine's own init is not asked and not touched,
# so it works in a virtual machine without systemd, and on one with it.
# shellcheck shell=bash disable=SC2154

# Why no systemd can run here, or nothing.
systemd_trouble() {
	local cgroups
	cgroups=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
	if [ ! -x /usr/lib/systemd/systemd ]; then
		echo "no systemd is installed"
	elif [ -z "$cgroups" ]; then
		echo "no cgroup2 is mounted: systemd cannot keep its units apart"
	elif ! mkdir "$cgroups/${base##*/}" 2>/dev/null; then
		echo "cgroup2 at $cgroups is read-only"
	else
		rmdir "$cgroups/${base##*/}"
	fi
}

# What in this machine's tree is of this machine: its services, mounts, and what sets the kernel.
systemd_prepare() { # TREE
	local tree=$1 unit
	rm -rf "$tree"/etc/systemd/system/*.wants "$tree"/etc/systemd/system/default.target
	: >"$tree/etc/fstab"
	rm -f "$tree/usr/sbin/policy-rc.d"
	mkdir -p "$tree/etc/systemd/system/multi-user.target.wants" "$tree/etc/systemd/system.conf.d"
	for unit in systemd-sysctl systemd-modules-load systemd-udevd systemd-udev-trigger systemd-logind \
		systemd-random-seed systemd-binfmt systemd-timesyncd systemd-pstore systemd-firstboot \
		systemd-remount-fs networking cron rsyslog dbus ssh; do
		ln -sf /dev/null "$tree/etc/systemd/system/$unit.service"
	done
	for unit in getty.target dbus.socket systemd-journald-audit.socket systemd-udevd-kernel.socket systemd-udevd-control.socket \
		dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
		sys-kernel-config.mount sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount; do
		ln -sf /dev/null "$tree/etc/systemd/system/$unit"
	done
	ln -sf /lib/systemd/system/multi-user.target "$tree/etc/systemd/system/default.target"
	# A leak checker traces its process, which the units' system call filter forbids.
	printf '[Manager]\nDefaultEnvironment=ASAN_OPTIONS=detect_leaks=0\n' >"$tree/etc/systemd/system.conf.d/test.conf"
	cat >"$tree/etc/systemd/system/test-sshd.service" <<-'END'
	[Service]
	ExecStart=/usr/sbin/sshd -D -e -f /etc/ssh/hg_sshd
	Restart=always
	RuntimeDirectory=sshd
	KillMode=process
	END
	ln -sf ../test-sshd.service "$tree/etc/systemd/system/multi-user.target.wants/test-sshd.service"
	cat >"$tree/sbin/test-boot" <<-'END'
	#!/bin/bash
	# Runs in the host's new namespaces, before its systemd.
	set -e
	tree=$1
	mount --make-rprivate /
	mount --rbind "$tree" "$tree"
	mount -t proc proc "$tree/proc"
	mount -t sysfs -o ro sysfs "$tree/sys"
	mount -t cgroup2 cgroup2 "$tree/sys/fs/cgroup"
	umount -R -l "$tree/dev" 2>/dev/null || true
	mount -t tmpfs -o mode=755 tmpfs "$tree/dev"
	for name in null zero full random urandom tty; do
		: >"$tree/dev/$name"
		mount --bind "/dev/$name" "$tree/dev/$name"
	done
	mkdir "$tree/dev/pts" "$tree/dev/shm"
	mount -t tmpfs -o mode=1777 tmpfs "$tree/dev/shm"
	: >"$tree/dev/console"
	mount --bind "$2" "$tree/dev/console"
	mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$tree/dev/pts"
	ln -s pts/ptmx "$tree/dev/ptmx"
	ln -s /proc/self/fd "$tree/dev/fd"
	mkdir -p "$tree/run/old"
	cd "$tree"
	pivot_root . run/old
	umount -l /run/old
	exec env -i container=helio-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		/usr/lib/systemd/systemd --system --log-target=console --show-status=no
	END
	chmod 755 "$tree/sbin/test-boot"
}

systemd_boot() { # NAME
	local cgroup
	cgroup=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)/${base##*/}-$1
	# A boot finds nothing of the one before in memory, nor in the kernel.
	ip netns exec "hg-$1" nft flush ruleset
	ip -n "hg-$1" address flush dev eth0
	ip -n "hg-$1" address add "${addresses[$1]}/24" dev eth0
	ip link set "hg-$1" up
	umount -l "$base/$1/root/run" "$base/$1/root/tmp"
	mount -t tmpfs -o mode=755 tmpfs "$base/$1/root/run"
	mount -t tmpfs -o mode=1777 tmpfs "$base/$1/root/tmp"
	mkdir -p "$cgroup"
	cgroups+=("$cgroup")
	(
		echo $BASHPID >"$cgroup/cgroup.procs"
		exec ip netns exec "hg-$1" unshare --mount --pid --fork --kill-child --cgroup --uts --ipc \
			bash "$base/$1/root/sbin/test-boot" "$base/$1/root" "$base/$1/console.log" </dev/null >>"$base/$1/console.log" 2>&1
	) &
	pids[$1]=$!
	disown $! # bash would tell of its end
}

# A machine that dies at once: nothing is told to anybody. host_boot brings it back.
host_cut() { # NAME
	$HELIO_SSH -O exit "$1" 2>/dev/null || true
	ip link set "hg-$1" down
	kill -KILL "${pids[$1]}"
	while [ -e "/proc/${pids[$1]}" ]; do sleep 0.02; done
}
systemd_end() {
	local name cgroup limit
	for name in "${!pids[@]}"; do kill -KILL "${pids[$name]}" 2>/dev/null || true; done
	for cgroup in "${cgroups[@]}"; do
		limit=$((SECONDS + 3))
		until find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || [ $SECONDS -gt $limit ]; do sleep 0.05; done
	done
}
