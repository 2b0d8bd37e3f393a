# Shared by deploy/site-up and deploy/roll (sourced, bash): the cluster folder, ssh, staged files.
# Needs root (of the checkout) and deploy/lib.sh. Everything that is changed on a host goes through
# `on_host` and the functions of site/host.sh.
# shellcheck shell=bash

# helioctl and helio-keys: from packages, or from the build.
find_tools() {
	local dir
	for dir in "${HELIO_BIN:-}" "$root/build/release/bin" /usr/bin; do
		if [ -n "$dir" ] && [ -x "$dir/helioctl" ] && [ -x "$dir/helio-keys" ]; then
			bin=$dir
			return
		fi
	done
	die "no helioctl here" "install heliograph-tools, or: cmake --build build/release"
}

# Runs a function of host.sh over there, as root. Only those that take a tar or a list read standard
# input: ssh would eat that of a loop around it.
on_host() { # HOST FUNCTION [ARG…]
	case $2 in
	host_compare | host_put | host_packages | host_certificate) on_host_with "$@" ;;
	*) on_host_with "$@" </dev/null ;;
	esac
}
on_host_with() {
	local host=$1 call
	shift
	printf -v call '%q ' "$@"
	# shellcheck disable=SC2086
	${HELIO_SSH:-ssh -o BatchMode=yes} "$host" "s=; [ \$(id -u) = 0 ] || s='sudo -n'; exec \$s bash -c $(
		printf '%q' "$(cat "$root/deploy/site/host.sh")
$call"
	)"
}

# cluster folder → list: lines NAME ROLE SITE ADDRESS PORTS; keys_dir; folder.
read_config() { # FILE
	config=$(realpath "$1") || die "no such file: $1"
	folder=${config%/*}
	local said
	said=$("$bin/helioctl" config check "$config" 2>&1) || {
		printf '%s\n' "$said" >&2
		die "the configuration is not usable: nothing was done"
	}
	list=$("$bin/helioctl" config list "$config" 2>/dev/null | awk 'NR > 1 {$1 = $1; print}')
	local json
	json=$("$bin/helioctl" config list "$config" --json 2>/dev/null)
	keys_dir=$(sed -n 's/^ *"keys": "\(.*\)",\{0,1\}$/\1/p' <<<"$json")
	carriers=$(sed -n '/"trunks": \[/,/\]/s/^ *"\([0-9./]*\)",\{0,1\}$/\1/p' <<<"$json" | paste -sd, -)
	[ -r "$keys_dir/cluster.pub" ] ||
		die "no keys in $keys_dir" "make them: helio-keys from-config $config"
	[ "${config##*/}" = cluster.yaml ] || die "the cluster file must be called cluster.yaml"
}

# The daemons that run at a host: NAME ROLE SITE ADDRESS PORTS, brokers, gateways, then nodes.
daemons_of() { # FACTS
	local role name r site address ports here
	here=$(sed -n 's/^address=\([^ ]*\) .*/\1/p' <<<"$1")
	for role in broker gateway node; do
		while read -r name r site address ports; do
			if [ "$r" = "$role" ] && grep -qxF "$address" <<<"$here"; then
				echo "$name $role $site $address $ports"
			fi
		done <<<"$list"
	done
}

# The configuration carries a version and a signature before it leaves this machine.
sign_config() {
	if [ -r "$keys_dir/cluster.key" ]; then
		if [ "${dry:-}" ] && ! [ -e "$folder/cluster.sig" ]; then
			say "would sign the configuration (helioctl config sign)"
			return
		fi
		[ "${dry:-}" ] || ok "configuration: $("$bin/helioctl" config sign "$config" 2>/dev/null)"
	elif [ ! -e "$folder/cluster.sig" ]; then
		die "neither cluster.key nor cluster.sig is here" \
			"where cluster.key is: helioctl config sign $config"
	fi
}

say() { printf '     %s\n' "$*"; }
field() { # PORTS KEY → value
	printf '%s' "$1" | tr , '\n' | sed -n "s/^$2=//p"
}

# Where a gateway answers on its own host; its certificate is of the name that browsers use.
gateway_url() { # ADDRESS PORTS
	echo "http$([ "$(field "$2" tls)" != on ] || echo s)://$1:$(field "$2" http)"
}

# ---- files that a host shall have -------------------------------------------------------------------

# stage MODE OWNER GROUP PATH < content; manifest lines collect in $stage/MANIFEST.
stage() {
	local mode=$1 owner=$2 group=$3 path=$4
	mkdir -p "$stage${path%/*}"
	(umask 077 && cat >"$stage$path")
	echo "$(sha256sum <"$stage$path" | cut -d' ' -f1) $mode $owner $group $path" >>"$stage/MANIFEST"
}
stage_file() { # MODE OWNER GROUP PATH FILE
	[ -r "$5" ] || die "$5 is missing" "helio-keys from-config $config completes the keys"
	stage "$1" "$2" "$3" "$4" <"$5"
}

# What differs on the host, in words; puts it there unless dry.
put_staged() { # HOST WHAT
	local host=$1 what=$2 verdict path differs=()
	[ -s "$stage/MANIFEST" ] || return 0
	while read -r verdict path; do
		[ "$verdict" = same ] && continue
		differs+=("$path")
		if [ "${dry:-}" ]; then
			say "would write $path ($verdict)"
		else
			say "$verdict $path"
		fi
	done < <(on_host "$host" host_compare <"$stage/MANIFEST")
	changed=${#differs[@]}
	if [ "$changed" -eq 0 ]; then
		ok "$what: nothing to change"
		return
	fi
	[ -z "${dry:-}" ] || return 0
	awk 'NR == FNR {want[$1] = 1; next} $5 in want' <(printf '%s\n' "${differs[@]}") \
		"$stage/MANIFEST" >"$stage/MANIFEST.some"
	tar -c -C "$stage" --transform 's/^MANIFEST.some$/MANIFEST/' MANIFEST.some \
		"${differs[@]/#/.}" | on_host "$host" host_put ||
		die "$host: files could not be written"
	ok "$what: $changed written"
}
stage_begin() {
	rm -rf "$stage"
	mkdir -m 700 "$stage"
	: >"$stage/MANIFEST"
}

# The keys of these daemons, and what everybody may know. cluster.key never leaves this machine.
stage_keys() { # DAEMON-LINES
	local keys=/etc/heliograph/keys file name role site rest
	stage_file 644 root root $keys/cluster.pub "$keys_dir/cluster.pub"
	stage_file 644 root root $keys/cluster.name "$keys_dir/cluster.name"
	for file in "$keys_dir"/curve/*.pub "$keys_dir"/operators/*.pub; do
		[ -e "$file" ] || continue
		stage_file 644 root root "$keys/${file#"$keys_dir"/}" "$file"
	done
	while read -r name role site rest; do
		case $role in
		node)
			stage_file 600 heliograph heliograph "$keys/noise/$name.key" "$keys_dir/noise/$name.key"
			stage_file 644 root root "$keys/noise/$name.cert" "$keys_dir/noise/$name.cert"
			grep -q " $keys/ticket.key$" "$stage/MANIFEST" ||
				stage_file 600 heliograph heliograph $keys/ticket.key "$keys_dir/ticket.key"
			grep -q " $keys/site-$site.key$" "$stage/MANIFEST" ||
				stage_file 600 heliograph heliograph "$keys/site-$site.key" \
					"$keys_dir/site-$site.key"
			;;
		broker | gateway) ;;
		*) continue ;;
		esac
		stage_file 600 heliograph heliograph "$keys/curve/$name.key" "$keys_dir/curve/$name.key"
	done <<<"$1"
}

# Only what the cluster folder has stays in keys/curve of the host, and of secrets only its own.
prune_keys() { # HOST DAEMON-LINES
	local names=() file
	for file in "$keys_dir"/curve/*.pub; do names+=("${file##*/}"); done
	while read -r file _; do names+=("$file.key"); done <<<"$2"
	on_host "$1" host_prune "${names[@]}"
}

incoming=/var/lib/heliograph-deploy/config
# The list of files that travel with a configuration, and these by their hash: where apply finds them.
stage_listed() { # FOLDER
	local hash name from
	[ -e "$1/cluster.files" ] || return 0
	stage_file 640 root root $incoming/cluster.files "$1/cluster.files"
	while read -r _ hash _ name; do
		from=$1/files/$hash
		if [ ! -e "$from" ]; then
			case $name in /*) from=$name ;; *) from=$1/$name ;; esac
		fi
		grep -q " $incoming/files/$hash$" "$stage/MANIFEST" ||
			stage_file 640 root root "$incoming/files/$hash" "$from"
	done < <(sed -n 's/^file: //p' "$1/cluster.files")
}
# The configuration waits there whole until `helioctl apply` takes it.
stage_config() {
	local file
	stage_file 640 root root $incoming/cluster.yaml "$config"
	stage_file 640 root root $incoming/agents.yaml "$folder/agents.yaml"
	[ ! -e "$folder/cluster.sig" ] ||
		stage_file 640 root root $incoming/cluster.sig "$folder/cluster.sig"
	stage_listed "$folder"
	# Passwords of nodes: beside the configuration, where it looks for them.
	for file in "$folder"/presence/password.{node,journal}; do
		[ -e "$file" ] || continue
		stage_file 600 root root "$incoming/presence/${file##*/}" "$file"
		stage_file 600 heliograph heliograph "/etc/heliograph/presence/${file##*/}" "$file"
	done
	# In their places, too: a host whose helioctl is of the version before looks for them there.
	for file in "$folder"/hours/*.ics; do
		[ -e "$file" ] || continue
		stage_file 644 root root "$incoming/hours/${file##*/}" "$file"
		stage_file 644 root root "/etc/heliograph/hours/${file##*/}" "$file"
	done
	for file in "$folder"/audio/*.wav; do
		[ -e "$file" ] || continue
		stage_file 644 root root "$incoming/audio/${file##*/}" "$file"
		stage_file 644 root root "/etc/heliograph/audio/${file##*/}" "$file"
	done
}
