# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# The set-up that ./demo, ./check and ./bench share. Source it from bash; it defines
#
#   setup_packages [--no-tests]  install the Debian packages of packages.txt that are missing,
#                                saying which and why (apt-get, as root or with sudo)
#   setup_build [BUILDDIR]       configure where needed, and compile (default: build/ in the tree)
#   setup_install [BUILDDIR]     install into prefix/ in the tree
#   setup_step TEXT COMMAND…     run one long command quietly, with progress; its output is
#                                shown when it fails
#
# and the variables SETUP_TOP (the tree), SETUP_PREFIX. Each function returns non-zero after
# saying what is wrong and what to do. SETUP_MESON_OPTIONS (an array) goes to `meson setup`.
# BAREMETAL_SKIP_PACKAGES=1 leaves the system's packages alone.

SETUP_TOP=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
SETUP_PREFIX=$SETUP_TOP/prefix
SETUP_LOGS=${TMPDIR:-/tmp}
[ "${SETUP_MESON_OPTIONS+set}" = set ] || SETUP_MESON_OPTIONS=()

# One line of progress, the time at its end; on a terminal it also shows what the command is at.
setup_step() {
	local text=$1 log pid status start=$SECONDS last spoken=0 width
	shift
	log=$(mktemp "$SETUP_LOGS/baremetal-step.XXXXXX") || return 1
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	trap 'kill "$pid" 2>/dev/null; rm -f "$log"; trap - INT; kill -INT $$' INT
	if [ -t 1 ]; then
		width=$(tput cols 2>/dev/null || echo 80)
		while kill -0 "$pid" 2>/dev/null; do
			last=$(tail -c 400 "$log" | tr '\r' '\n' | tr -cd '[:print:]\n' | tail -n 1)
			last="$text … $((SECONDS - start)) s  $last"
			printf '\r\033[K%s' "${last:0:width-1}"
			sleep 0.3
		done
		printf '\r\033[K'
	else
		while kill -0 "$pid" 2>/dev/null; do
			sleep 0.1
			if [ $((SECONDS - start - spoken)) -ge 15 ]; then
				spoken=$((SECONDS - start))
				printf '%s … %d s\n' "$text" "$spoken"
			fi
		done
	fi
	wait "$pid"
	status=$?
	trap - INT
	if [ "$status" -eq 0 ]; then
		printf '%s: done (%d s)\n' "$text" $((SECONDS - start))
		rm -f "$log"
	else
		printf '%s: FAILED with status %d. The last lines of its output:\n' "$text" "$status" >&2
		tail -n 40 "$log" | sed 's/^/    /' >&2
		printf 'All of it: %s\n' "$log" >&2
	fi
	return "$status"
}

# Print "name<TAB>reason" for each package of packages.txt that is not installed.
setup_missing_packages() {
	local tests=yes name reason
	[ "${1:-}" = --no-tests ] && tests=no
	while IFS='#' read -r name reason; do
		name=${name//[[:space:]]/}
		reason=${reason#"${reason%%[![:space:]]*}"}
		[ -n "$name" ] || continue
		[ $tests = no ] && [[ $reason == tests:* ]] && continue
		case $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) in
		installed) ;;
		*) # a virtual package is there when something that is installed provides it
			dpkg-query -W -f '${db:Status-Status} ${Provides}, \n' 2>/dev/null |
				grep -Eq "^installed (.*[ ,])?$name( \([^)]*\))?," ||
				printf '%s\t%s\n' "$name" "$reason"
			;;
		esac
	done <"$SETUP_TOP/sdk/tools/packages.txt"
}

setup_packages() {
	local missing name reason names=() as_root=()
	[ "${BAREMETAL_SKIP_PACKAGES:-0}" = 1 ] && return 0
	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		echo "This set-up knows Debian's packages only. Install what sdk/tools/packages.txt lists" >&2
		echo "by your system's means, then start again with BAREMETAL_SKIP_PACKAGES=1." >&2
		return 1
	fi
	missing=$(setup_missing_packages "$@")
	[ -n "$missing" ] || return 0
	echo "These Debian packages are missing and will be installed:"
	while IFS=$'\t' read -r name reason; do
		printf '    %-22s %s\n' "$name" "$reason"
		names+=("$name")
	done <<<"$missing"
	if [ "$(id -u)" -ne 0 ]; then
		if ! command -v sudo >/dev/null; then
			echo "That needs root, and there is no sudo. As root, run:" >&2
			echo "    apt-get install --no-install-recommends ${names[*]}" >&2
			return 1
		fi
		echo "That needs root: sudo may ask for your password."
		sudo -v || return 1
		as_root=(sudo)
	fi
	local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600)
	setup_step "Reading the package lists" "${apt[@]}" update ||
		echo "Going on with the lists that are there." >&2
	setup_step "Installing ${#names[@]} packages" "${apt[@]}" install --no-install-recommends "${names[@]}" || {
		echo "Mend what apt-get says above, then start again." >&2
		return 1
	}
}

# Configure a build folder once. One that was made for another place (the tree has moved) is made anew.
setup_configure() {
	local dir=$1 stamp=$1/.made-for
	if [ -f "$stamp" ] && [ "$(cat "$stamp")" != "$SETUP_TOP" ]; then
		echo "$dir was made for another place: starting it afresh."
		rm -rf -- "$dir"
	fi
	[ -f "$dir/build.ninja" ] && return 0
	setup_step "Configuring" meson setup --prefix "$SETUP_PREFIX" --libdir lib \
		"${SETUP_MESON_OPTIONS[@]}" "$dir" "$SETUP_TOP" || return
	printf '%s\n' "$SETUP_TOP" >"$stamp"
}

setup_build() {
	local dir=${1:-$SETUP_TOP/build}
	setup_configure "$dir" && setup_step "Building" ninja -C "$dir"
}

setup_install() {
	local dir=${1:-$SETUP_TOP/build}
	setup_step "Installing into ${SETUP_PREFIX#"$PWD"/}" env -u DESTDIR meson install -C "$dir" --no-rebuild
}
