/* SPDX-License-Identifier: MIT */
/*
 * Status codes of the kernel API.
 *
 * A function returns 0 or a count on success and one of these, negated, on
 * failure. Values 1 to 34 are the classic ones of POSIX systems, so that the C
 * library passes them on as errno; bm_strerror() names each of them.
 */
#ifndef BAREMETAL_ERROR_H
#define BAREMETAL_ERROR_H

/** Every code, as X(symbol, number, text). Append only. */
#define BM_ERROR_LIST(X)                                                                           \
	X(BM_EPERM, 1, "operation not permitted")                                                  \
	X(BM_ENOENT, 2, "no such object")                                                          \
	X(BM_EIO, 5, "input/output error")                                                         \
	X(BM_ENOEXEC, 8, "not an executable for this kernel")                                      \
	X(BM_EAGAIN, 11, "not available now, try again")                                           \
	X(BM_ENOMEM, 12, "out of memory")                                                          \
	X(BM_EFAULT, 14, "bad address")                                                            \
	X(BM_EBUSY, 16, "in use")                                                                  \
	X(BM_ENODEV, 19, "no such device")                                                         \
	X(BM_EINVAL, 22, "invalid argument")                                                       \
	X(BM_ENOSPC, 28, "no space left")                                                          \
	X(BM_EROFS, 30, "read-only")                                                               \
	X(BM_ERANGE, 34, "out of range")                                                           \
	X(BM_ENOSYS, 88, "not provided by this kernel")                                            \
	X(BM_ETIMEDOUT, 116, "deadline passed")

/** The status codes. Functions return them negated. */
enum bm_error {
#define BM_ERROR_ENUM(symbol, number, text) symbol = number,
	BM_ERROR_LIST(BM_ERROR_ENUM)
#undef BM_ERROR_ENUM
};

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Name a status code.
 *
 * @param status  a value that a kernel function returned; its sign is ignored.
 * @return a constant string, "success" for 0 and "unknown error" for a value
 *         that is not in BM_ERROR_LIST. Never NULL. Any core, never blocks.
 */
const char *bm_strerror(long status);

#ifdef __cplusplus
}
#endif

#endif
