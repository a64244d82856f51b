/* SPDX-License-Identifier: MIT */
/*
 * Memory as x86 cores see it (total store order: Owens, Sarkar, Sewell, "A better
 * x86 memory model: x86-TSO", 2009): each core's stores wait in a buffer, first in
 * first out, until they reach memory; its own loads see them there, the others'
 * do not. A locked instruction, and a fence, wait until the buffer is empty.
 *
 * Define MEMORY (words), CORES and DEPTH (a buffer's stores) first. With SC defined
 * stores reach memory at once. Words are bytes, arithmetic wraps.
 */
byte memory[MEMORY];
#ifndef SC
byte buffer_word[CORES * DEPTH];
byte buffer_value[CORES * DEPTH];
byte buffered[CORES];
#endif

#ifdef SC
#define LOAD(core, word, into) into = memory[word]
#define STORE(core, word, value) memory[word] = value
#define DRAINED(core) true
#define FENCE(core) skip
#else
inline LOAD(core, word, into)
{
	d_step {
		into = memory[word];
		scan = 0;
		do
		:: scan < buffered[core] ->
			if
			:: buffer_word[(core) * DEPTH + scan] == (word) ->
				into = buffer_value[(core) * DEPTH + scan]
			:: else
			fi;
			scan++
		:: else -> break
		od;
		scan = 0
	}
}

inline STORE(core, word, value)
{
	atomic {
		buffered[core] < DEPTH;
		buffer_word[(core) * DEPTH + buffered[core]] = word;
		buffer_value[(core) * DEPTH + buffered[core]] = value;
		buffered[core]++
	}
}

#define DRAINED(core) (buffered[core] == 0)
#define FENCE(core) DRAINED(core)

/* One store of each core at a time, whenever it likes. */
active [CORES] proctype drain()
{
	byte i;
end:	do
	:: d_step {
		buffered[_pid] > 0 ->
		memory[buffer_word[_pid * DEPTH]] = buffer_value[_pid * DEPTH];
		buffered[_pid]--;
		i = 0;
		do
		:: i < buffered[_pid] ->
			buffer_word[_pid * DEPTH + i] = buffer_word[_pid * DEPTH + i + 1];
			buffer_value[_pid * DEPTH + i] = buffer_value[_pid * DEPTH + i + 1];
			i++
		:: else -> break
		od;
		buffer_word[_pid * DEPTH + i] = 0;
		buffer_value[_pid * DEPTH + i] = 0;
		i = 0
	}
	od
}
#endif
