/* SPDX-License-Identifier: MIT */
/*
 * Names of errors and problems.
 */
#include "internal.h"

const char *bmfs_strerror(long result)
{
	switch (result < 0 ? -result : 0) {
	case BMFS_OK:
		return "success";
#define TEXT(symbol, text)                                                                         \
	case symbol:                                                                               \
		return text;
		BMFS_ERROR_LIST(TEXT)
#undef TEXT
	}
	return "unknown error";
}

const char *bmfs_problem_text(enum bmfs_problem problem)
{
	switch (problem) {
#define TEXT(symbol, damage, text)                                                                 \
	case symbol:                                                                               \
		return text;
		BMFS_PROBLEM_LIST(TEXT)
#undef TEXT
	}
	return "unknown problem";
}

bool bmfs_problem_is_damage(enum bmfs_problem problem)
{
	switch (problem) {
#define DAMAGE(symbol, damage, text)                                                               \
	case symbol:                                                                               \
		return damage;
		BMFS_PROBLEM_LIST(DAMAGE)
#undef DAMAGE
	}
	return true;
}
