/* SPDX-License-Identifier: MIT */
/*
 * bm_strerror(). Interface: <baremetal/error.h>.
 */
#include <baremetal/error.h>

const char *bm_strerror(long status)
{
	switch (status < 0 ? -status : status) {
	case 0:
		return "success";
#define CASE(symbol, number, text)                                                                 \
	case number:                                                                               \
		return text;
		BM_ERROR_LIST(CASE)
	}
	return "unknown error";
}
