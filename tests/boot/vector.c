/* SPDX-License-Identifier: MIT */
/*
 * The vector state on each core: SSE always, AVX where the processor has it (then it must be
 * enabled), kept over sleeping and console calls; all that the processor has, switched on.
 */
#include <baremetal/baremetal.h>
#include <cpuid.h>
#include <immintrin.h>
#include <math.h>
#include <stdio.h>

static volatile double two = 2.0;

__attribute__((target("avx2"))) static int check_avx(void)
{
	__m256i a = _mm256_set1_epi32(7), b = _mm256_set_epi32(1, 2, 3, 4, 5, 6, 7, 8);
	int out[8];
	__asm__ volatile("" : "+x"(a), "+x"(b));
	bm_sleep_until(bm_time_monotonic() + BM_SECOND / 100);
	a = _mm256_mullo_epi32(a, b);
	_mm256_storeu_si256((__m256i *)out, a);
	for (int i = 0; i < 8; i++)
		if (out[i] != 7 * (8 - i))
			return 1;
	return 0;
}

/* XCR0 has each part that the kernel knows and this processor offers: Intel SDM volume 1, 13.3. */
static int check_enabled(void)
{
	const unsigned known = 7 | 7 << 5; /* x87, SSE, AVX; the three parts of AVX-512 */
	unsigned eax, ebx, ecx, edx, low, high;

	__cpuid(1, eax, ebx, ecx, edx);
	if (!(ecx & bit_OSXSAVE))
		return 0;
	__cpuid_count(0xd, 0, eax, ebx, ecx, edx);
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (low & known) != (eax & known);
}

static int check_core(void)
{
	unsigned eax, ebx, ecx, edx;
	int failures = check_enabled();
	double root = sqrt(two), sine = sin(two);

	if (fabs(root - 1.4142135623730951) > 1e-15 || fabs(sine - 0.90929742682568171) > 1e-15)
		failures++;
	__cpuid(1, eax, ebx, ecx, edx);
	if (ecx & bit_AVX) {
		if (!(ecx & bit_OSXSAVE)) {
			printf("AVX is there and not enabled\n");
			failures++;
		}
		__cpuid_count(7, 0, eax, ebx, ecx, edx);
		if (ebx & bit_AVX2) {
			failures += check_avx();
			printf("AVX2 checked\n");
		}
	}
	/* The stack as the ABI wants it, or movaps would fault. */
	__m128 v = _mm_set1_ps((float)two);
	float out[4] __attribute__((aligned(16)));
	_mm_store_ps(out, v);
	if (out[3] != 2.0f)
		failures++;
	return failures;
}

static void run_core(void *failures)
{
	__atomic_fetch_add((int *)failures, check_core(), __ATOMIC_RELAXED);
}

int main(void)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	int failures = 0;

	for (uint32_t core = 0; core < bm_system_info()->cores; core++)
		if (bm_task_submit_to(core, &group, run_core, &failures))
			failures++;
	bm_task_wait(&group);
	return failures + check_core();
}
