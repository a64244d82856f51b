# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Completion of the bmfs command for bash. Commands and options come from its own --help, names
# of files from the disk.

_bmfs()
{
	local cur=${COMP_WORDS[COMP_CWORD]} words=() word i
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		[[ $word == -* ]] || [[ ${COMP_WORDS[i - 1]} =~ ^--(size|offset|partition)$ ]] || words+=("$word")
	done
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" --help | grep -oE -- '--[a-z-]+')" -- "$cur" | sort -u)
	elif [ ${#words[@]} -eq 0 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" --help |
			sed -n 's/^  \([a-z]*\) DISK.*/\1/p')" -- "$cur")
	elif [ ${#words[@]} -eq 1 ] || [[ ${words[0]} =~ ^(import|export)$ ]] ||
		[[ ${words[0]} =~ ^(read|write)$ && ${#words[@]} -eq 3 ]]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	elif [[ ${words[0]} =~ ^(read|write|delete|rename|reserve)$ ]]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <("${COMP_WORDS[0]}" list -q "${words[1]}" 2>/dev/null |
			sed -E 's/^ *[0-9]+ +[0-9]+ +[0-9]+  //' | grep -F -- "$cur" | grep "^${cur//[^A-Za-z0-9_-]/.}")
	fi
}

complete -F _bmfs bmfs
