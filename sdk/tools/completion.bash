# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Completion of the baremetal command for bash. The options of each command are read from its own
# --help, so that they cannot go stale.

# The options that a --help describes, not those of which its texts speak: those at the begin of a line of the list.
_baremetal_options()
{
	sed -nE 's/^  (-.*)/\1/p' | sed -E 's/  .*//' | grep -oE '(^|, )--?[a-zA-Z][a-z-]*' | grep -oE -- '-.*'
}

_baremetal()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev='' command='' word i
	[ "$COMP_CWORD" -gt 0 ] && prev=${COMP_WORDS[COMP_CWORD - 1]}
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		[ "$word" = -- ] && [ "$command" != build ] && return
		[ -z "$command" ] && [[ $word != -* ]] && command=$word
	done

	case $prev in
	--template) word=$("${COMP_WORDS[0]}" new --list 2>/dev/null | cut -d' ' -f1) ;;
	-f | --format) word='iso elf disk' ;;
	--accel) word='auto kvm tcg' ;;
	--machine) word='microvm q35 pc' ;;
	--display) word='none gtk sdl curses' ;;
	--form) word='elf iso' ;;
	--stop) word='main reset' ;;
	--net) word='user tap none' ;;
	--nic) word='virtio e1000 e1000e' ;;
	--cores | --memory | --forward | --timeout | --args | --data | -ex) return ;;
	--root | --data-from | --from | -C)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
		;;
	*)
		if [ "$command" = disk ] && [ "$prev" = disk ] && [[ $cur != -* ]]; then
			word=create
		elif [ "$command" = disk ] && [ "$prev" != disk ] && [[ $cur == -* ]]; then
			word=$("${COMP_WORDS[0]}" disk create --help 2>/dev/null | _baremetal_options)
		elif [ -z "$command" ] && [[ $cur != -* ]]; then
			word=$("${COMP_WORDS[0]}" --help 2>/dev/null | sed -n 's/^    \([a-z]*\) .*/\1/p')
		elif [[ $cur == -* ]]; then
			word=$("${COMP_WORDS[0]}" ${command:+"$command"} --help 2>/dev/null | _baremetal_options)
		elif [[ $command =~ ^(image|disk|run|debug|info)$ || $prev == -o || $prev == --kernel || $prev == --disk || $prev == --pcap ]]; then
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			return
		else
			return
		fi
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$word" -- "$cur" | sort -u)
}

complete -F _baremetal baremetal
