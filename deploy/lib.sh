# Shared by deploy/quickstart and tests/run (sourced, bash): what a bare Debian 12 lacks, building,
# and words for a person. Sets nothing but functions and the variables root, ink_*.

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	ink_ok=$'\e[32m' ink_bad=$'\e[31m' ink_dim=$'\e[2m' ink_bold=$'\e[1m' ink_off=$'\e[0m'
else
	ink_ok='' ink_bad='' ink_dim='' ink_bold='' ink_off=''
fi

step() { printf '%s==>%s %s\n' "$ink_bold" "$ink_off" "$*"; }
ok() { printf '%s  ok%s %s\n' "$ink_ok" "$ink_off" "$*"; }
die() {
	printf '%serror:%s %s\n' "$ink_bad" "$ink_off" "$1" >&2
	[ -n "${2:-}" ] && printf '       %s\n' "$2" >&2
	exit 1
}

# Runs a long command quietly: a dot line on a terminal while it works, its output only if it fails.
# quietly WHAT LOG COMMAND…
quietly() {
	local what=$1 log=$2 began=$SECONDS pid
	shift 2
	"$@" >"$log" 2>&1 &
	pid=$!
	if [ -t 1 ]; then
		while kill -0 "$pid" 2>/dev/null; do
			printf '\r%s     %s … %ss%s ' "$ink_dim" "$what" $((SECONDS - began)) "$ink_off"
			sleep 0.3
		done
		printf '\r\e[K'
	fi
	if wait "$pid"; then
		ok "$what ($((SECONDS - began)) s)"
	else
		tail -n 40 "$log" >&2
		die "$what failed; the whole output is in $log"
	fi
}

packages_build="build-essential cmake ninja-build pkg-config ccache libzmq3-dev libczmq-dev
	libhiredis-dev libsodium-dev libwebsockets-dev libwebsockets-evlib-ev libev-dev libre-dev librem-dev libopus-dev libsndfile1-dev
	nanopb libnanopb-dev protobuf-compiler python3-protobuf libjansson-dev libfyaml-dev
	libsqlite3-dev libical-dev tzdata libssl-dev libcmocka-dev ca-certificates"
packages_run="redis-server iproute2 curl"
packages_check="chromium"
packages_tests="sip-tester clang libclang-rt-14-dev llvm procps sqlite3 python3 openssl stunnel4
	openssh-server openssh-client nftables keepalived systemd dbus file dpkg-dev"

# install_packages NAME…: what is missing, by apt, as root. HELIO_APT_OPTIONS: more options of apt-get.
install_packages() {
	local missing=() name
	for name in "$@"; do
		[ "$(dpkg-query -W -f='${Status}' "$name" 2>/dev/null)" = "install ok installed" ] ||
			missing+=("$name")
	done
	# Node 18 of Debian, unless a newer one is there already.
	if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
		missing+=(nodejs npm)
	fi
	[ ${#missing[@]} -eq 0 ] && return 0
	command -v apt-get >/dev/null ||
		die "missing: ${missing[*]}" "this script installs Debian 12 packages; install them by hand"
	[ "$(id -u)" = 0 ] ||
		die "missing packages: ${missing[*]}" "run this as root, or: apt-get install ${missing[*]}"
	step "installing ${#missing[@]} Debian packages"
	quietly "apt-get update" "$logs/apt-update.log" env DEBIAN_FRONTEND=noninteractive apt-get update
	# shellcheck disable=SC2086
	quietly "apt-get install" "$logs/apt-install.log" env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y --no-install-recommends ${HELIO_APT_OPTIONS:-} "${missing[@]}"
	# Services that Debian starts with a package that we brought would hold ports and memory here.
	command -v systemctl >/dev/null || return 0
	for name in redis-server:redis-server openssh-server:ssh stunnel4:stunnel4 nftables:nftables \
		keepalived:keepalived; do
		[[ " ${missing[*]} " != *" ${name%:*} "* ]] ||
			systemctl disable --now "${name#*:}" >/dev/null 2>&1 || true
	done
}

# need_space FOLDER MEGABYTES
need_space() {
	local have
	have=$(df -Pm "$1" | awk 'NR==2 {print $4}')
	[ "$have" -ge "$2" ] ||
		die "$1 has $have MB free, $2 MB are needed" "free some space, or use --dir with another disk"
}

configure_c() { # PRESET
	quietly "configuring ($1)" "$logs/cmake-$1.log" cmake -S "$root" --preset "$1" \
		-DCMAKE_C_COMPILER_LAUNCHER=ccache
}
# build_c PRESET [TARGET…] → build/PRESET
build_c() {
	local preset=$1
	shift
	configure_c "$preset"
	quietly "building ($preset)" "$logs/build-$preset.log" ninja -C "$root/build/$preset" "$@"
}

# The browser app: npm ci when the lock file changed, a build when a source did.
build_web() {
	local web=$root/gateway/web
	if [ ! -e "$web/node_modules/.package-lock.json" ] ||
		[ "$web/package-lock.json" -nt "$web/node_modules/.package-lock.json" ]; then
		quietly "fetching the page's parts (npm ci)" "$logs/npm-ci.log" \
			npm --prefix "$web" ci --no-audit --no-fund
	fi
	if [ ! -e "$web/dist/index.html" ] ||
		[ -n "$(find "$web/src" "$web/index.html" "$web/public" "$web/vite.config.ts" \
			"$web/package-lock.json" -newer "$web/dist/index.html" -print -quit 2>/dev/null)" ]; then
		quietly "building the page" "$logs/web-build.log" npm --prefix "$web" run build
	fi
}
