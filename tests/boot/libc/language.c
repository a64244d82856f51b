/* SPDX-License-Identifier: MIT */
/*
 * What ISO C promises: formats, strings, sorting, locale, mathematics, jumps, memory.
 */
#include "check.h"

#include <assert.h>
#include <complex.h>
#include <ctype.h>
#include <fenv.h>
#include <fnmatch.h>
#include <glob.h>
#include <inttypes.h>
#include <libgen.h>
#include <locale.h>
#include <malloc.h>
#include <math.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

static int formatted(const char *wanted, const char *format, ...)
{
	char buffer[200];
	va_list list;
	int length;

	va_start(list, format);
	length = vsnprintf(buffer, sizeof(buffer), format, list);
	va_end(list);
	return length == (int)strlen(wanted) && !strcmp(buffer, wanted);
}

static void test_formats(void)
{
	int a, n;
	double d;
	long double ld;
	char word[20], *end;

	CHECK(formatted("-5 005 0x1f 1f 017 c %", "%d %03d %#x %x %#o %c %%", -5, 5, 31, 31, 15,
			'c'));
	CHECK(formatted("9223372036854775807 18446744073709551615", "%lld %llu", INT64_MAX,
			UINT64_MAX));
	CHECK(formatted("127 65535 -1 18446744073709551615", "%hhd %hu %zd %zu", 127, 65535,
			(ssize_t)-1, SIZE_MAX));
	CHECK(formatted("1.500000 1.5e+00 0x1.8p+0 inf nan", "%f %.1e %a %f %f", 1.5, 1.5, 1.5,
			INFINITY, NAN));
	CHECK(formatted("3.141592653589793239", "%.18Lf", 3.14159265358979323846264338328L));
	CHECK(formatted("two one", "%2$s %1$s", "one", "two"));
	CHECK(formatted("[  ab] [ab  ] [a]", "[%4s] [%-4s] [%.1s]", "ab", "ab", "ab"));
	CHECK(formatted("0.1 1e+20 100000 1e-05", "%g %g %g %g", 0.1, 1e20, 1e5, 1e-5));
	CHECK(formatted("\xe2\x82\xac", "%s", "\xe2\x82\xac"));
	CHECK(snprintf(word, 3, "long") == 4 && !strcmp(word, "lo"));
	CHECK(sscanf("12 0x1f word 2.5", "%d %i %s %lf%n", &a, &n, word, &d, &n) == 4 && a == 12 &&
	      d == 2.5);
	CHECK(sscanf("2.25", "%Lf", &ld) == 1 && ld == 2.25L);
	CHECK(strtol("-077", NULL, 0) == -63 &&
	      strtoull("ffffffffffffffff", NULL, 16) == UINT64_MAX);
	errno = 0;
	CHECK(strtol("99999999999999999999", &end, 10) == INT64_MAX && errno == ERANGE && !*end);
	CHECK(strtod("0x1.8p1", NULL) == 3 && strtod("1e-320", NULL) > 0 &&
	      strtod("0.1", NULL) == 0.1);
	CHECK(strtold("1.1", NULL) == 1.1L && atof("-2.5x") == -2.5 &&
	      strtoimax("5", NULL, 10) == 5);
}

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void test_strings(void)
{
	char buffer[32] = "a,b,,c", *save;
	int numbers[500], wanted = 250;
	regex_t regex;
	regmatch_t match[2];

	CHECK(!strcmp(strtok_r(buffer, ",", &save), "a") &&
	      !strcmp(strtok_r(NULL, ",", &save), "b"));
	CHECK(strstr("needle in hay", "in hay") && !strchr("abc", 'x') && strrchr("aba", 'a'));
	CHECK(!memcmp(memmove(buffer + 1, memcpy(buffer, "12345", 6), 5), "12345", 5));
	CHECK(strcasecmp("ABC", "abd") < 0 && !strncasecmp("ABCd", "abcE", 3));
	CHECK(strlcpy(buffer, "truncated", 5) == 9 && !strcmp(buffer, "trun"));
	for (int i = 0; i < 500; i++)
		numbers[i] = (i * 7919) % 500;
	qsort(numbers, 500, sizeof(int), compare);
	for (int i = 0; i < 500; i++)
		CHECK(numbers[i] == i);
	CHECK(*(int *)bsearch(&wanted, numbers, 500, sizeof(int), compare) == 250);
	for (size_t size = 0; size < 600; size += 7) { /* all paths of the assembly versions */
		unsigned char from[640], to[640];

		for (int i = 0; i < 640; i++)
			from[i] = (unsigned char)i, to[i] = 0xee;
		memcpy(to + 3, from + 1, size);
		CHECK(!memcmp(to + 3, from + 1, size) && to[2] == 0xee && to[3 + size] == 0xee);
		memset(to + 5, 0xaa, size);
		CHECK((!size || (to[5] == 0xaa && to[4 + size] == 0xaa)) && to[5 + size] != 0xaa);
	}
	CHECK(!regcomp(&regex, "^([a-z]+)=[0-9]*$", REG_EXTENDED) &&
	      !regexec(&regex, "name=42", 2, match, 0));
	CHECK(match[1].rm_so == 0 && match[1].rm_eo == 4 &&
	      regexec(&regex, "9=x", 0, NULL, 0) == REG_NOMATCH);
	regfree(&regex);
	CHECK(!fnmatch("*.t[xy]t", "file.txt", 0) && fnmatch("*.c", "file.txt", 0) == FNM_NOMATCH);
	glob_t found;
	CHECK(!glob("/de*/n*l", 0, NULL, &found) && found.gl_pathc == 1 &&
	      !strcmp(found.gl_pathv[0], "/dev/null"));
	globfree(&found);
	CHECK(!strcmp(basename((char[]){"/a/b"}), "b") && !strcmp(dirname((char[]){"/a/b"}), "/a"));
	srand(1);
	int first = rand();
	srand(1);
	CHECK(first == rand() && random() >= 0 && drand48() < 1);
}

static void test_locale(void)
{
	wchar_t wide[8];
	mbstate_t state = {0};
	char bytes[16];

	CHECK(!strcmp(setlocale(LC_ALL, NULL), "C") && localeconv()->decimal_point[0] == '.');
	CHECK(setlocale(LC_ALL, "C.UTF-8") && MB_CUR_MAX >= 4);
	CHECK(mbstowcs(wide, "\xe2\x82\xac\xc3\xa4", 8) == 2 && wide[0] == 0x20ac &&
	      wide[1] == 0xe4);
	CHECK(wcstombs(bytes, wide, 16) == 5 && !strcmp(bytes, "\xe2\x82\xac\xc3\xa4"));
	CHECK(mbrtowc(wide, "\xff", 1, &state) == (size_t)-1 && errno == EILSEQ);
	CHECK(iswalpha(0xe4) && towupper(0xe4) == 0xc4);
	CHECK(swprintf(wide, 8, L"%d", 42) == 2 && !wcscmp(wide, L"42"));
	CHECK(!setlocale(LC_ALL, "xx_YY.nonsense"));
	CHECK(setlocale(LC_ALL, "C") && isalpha('x') && !isalpha(0xe4));
}

static int near(long double a, long double b)
{
	return fabsl(a - b) <= 1e-15L * fabsl(b) + 1e-300L;
}

static void test_mathematics(void)
{
	volatile double zero = 0, two = 2, x = 0.5;
	int exponent;

	CHECK(near(sqrt(two), 1.4142135623730951) && near(sin(x), 0.479425538604203) &&
	      near(cos(x), 0.8775825618903728));
	CHECK(near(tan(x), 0.5463024898437905) && near(exp(x), 1.6487212707001282) &&
	      near(log(two), 0.6931471805599453));
	CHECK(near(pow(two, x), 1.4142135623730951) && near(atan2(1, two), 0.4636476090008061) &&
	      near(cbrt(27), 3));
	CHECK(near(sinh(x), 0.5210953054937474) && near(tgamma(5), 24) &&
	      near(erf(x), 0.5204998778130465));
	CHECK(floor(-1.5) == -2 && ceil(-1.5) == -1 && trunc(-1.5) == -1 && round(2.5) == 3 &&
	      rint(2.5) == 2);
	CHECK(fmod(7, 3) == 1 && hypot(3, 4) == 5 && ldexp(x, 4) == 8 &&
	      frexp(8, &exponent) == 0.5 && exponent == 4);
	CHECK(isnan(zero / zero) && isinf(1 / zero) && signbit(-zero) && fmax(1, NAN) == 1 &&
	      fma(2, 3, 4) == 10);
	CHECK(lround(-2.5) == -3 && llrint(1e15) == 1000000000000000 && nextafter(1, 2) > 1 &&
	      logb(8) == 3);
	CHECK(sinf(0.5f) == 0.47942555f && sqrtf(2.0f) == 1.41421356f);
	CHECK(near(sqrtl(two), 1.41421356237309504880L) && near(cabs(3 + 4 * I), 5));
	long double third = 1, whole_part;
	third /= 3;
	CHECK(near(sinl(third), 0.32719469679615224418L) &&
	      near(expl(third), 1.39561242508608952863L));
	CHECK(near(logl(third), -1.09861228866810969140L) &&
	      near(powl(2, third), 1.25992104989487316477L));
	CHECK(near(atan2l(1, -2), 2.67794504458898712225L) && fmodl(7.5L, 2) == 1.5L &&
	      cbrtl(27) == 3);
	CHECK(modfl(-2.5L, &whole_part) == -0.5L && whole_part == -2 &&
	      ldexpl(third, 3) == third * 8);
	CHECK(floorl(-1.5L) == -2 && ceill(1.5L) == 2 && roundl(-2.5L) == -3 && llrintl(2.5L) == 2);
	CHECK(near(creall(cexpl(I * third)), 0.94495694631473766439L) && nextafterl(1, 2) > 1);
	CHECK(!fesetround(FE_UPWARD) && fegetround() == FE_UPWARD && rint(2.1) == 3 &&
	      !fesetround(FE_TONEAREST));
	feclearexcept(FE_ALL_EXCEPT);
	two /= zero;
	CHECK(fetestexcept(FE_DIVBYZERO) && !fetestexcept(FE_INVALID));
	CHECK(div(7, -2).rem == 1 && lldiv(-7, 2).quot == -3 && abs(-3) == 3);
	__int128 wide = (__int128)INT64_MAX * 10 / 7;
	CHECK((int64_t)(wide >> 32) > 0); /* libgcc */
}

static jmp_buf jump;

__attribute__((noinline)) static void leap(int depth)
{
	if (depth)
		leap(depth - 1);
	longjmp(jump, 7);
}

static void test_jumps(void)
{
	volatile int count = 0;
	int result = setjmp(jump);

	count++;
	if (!result)
		leap(50);
	CHECK(result == 7 && count == 2);
	result = setjmp(jump);
	if (!result)
		longjmp(jump, 0);
	CHECK(result == 1);
}

static void test_memory(void)
{
	enum { BLOCKS = 500 };
	unsigned char *blocks[BLOCKS] = {0};
	size_t sizes[BLOCKS];
	unsigned seed = 1;
	void *memory;

	for (int round = 0; round < 20000; round++) {
		int i = (int)((seed = seed * 1103515245 + 12345) >> 16) % BLOCKS;
		size_t size = (seed >> 8) % 5000 + 1;

		if (blocks[i]) {
			CHECK(blocks[i][0] == (i & 255) && blocks[i][sizes[i] - 1] == (i & 255));
			if (round % 3) {
				free(blocks[i]);
				blocks[i] = NULL;
				continue;
			}
			blocks[i] = realloc(blocks[i], size);
		} else {
			blocks[i] = round % 2 ? malloc(size) : memalign(64, size);
			CHECK(round % 2 || (uintptr_t)blocks[i] % 64 == 0);
		}
		CHECK(blocks[i] && (uintptr_t)blocks[i] % 16 == 0);
		sizes[i] = size;
		memset(blocks[i], i, size);
	}
	for (int i = 0; i < BLOCKS; i++)
		free(blocks[i]);
	/* Fresh from the kernel or used before: calloc() clears. */
	for (size_t size = 100; size < 10000000; size *= 10) {
		unsigned char *block = malloc(size), sum = 0;

		memset(block, 0xff, size);
		free(block);
		block = calloc(size, 2);
		for (size_t i = 0; i < 2 * size; i++)
			sum |= block[i];
		CHECK(block && !sum);
		free(block);
	}
	errno = 0;
	volatile size_t huge = SIZE_MAX; /* keeps the compiler from objecting */
	CHECK(!calloc(huge / 2, 3) && errno == ENOMEM);
	CHECK(!malloc(huge) && !realloc(NULL, huge / 2) && !reallocarray(NULL, huge, 2));
	CHECK(!posix_memalign(&memory, 4096, 100) && (uintptr_t)memory % 4096 == 0);
	free(memory);
	CHECK(posix_memalign(&memory, 3, 100) == EINVAL &&
	      posix_memalign(&memory, 0, 100) == EINVAL);
	memory = aligned_alloc(1 << 20, 1 << 20);
	CHECK(memory && (uintptr_t)memory % (1 << 20) == 0 &&
	      malloc_usable_size(memory) >= 1 << 20);
	free(memory);
	CHECK(malloc(0) != NULL || !errno);
	struct mallinfo before = mallinfo();
	memory = malloc(1 << 20);
	struct mallinfo meanwhile = mallinfo();
	free(memory);
	CHECK(meanwhile.uordblks >= before.uordblks + (1 << 20) &&
	      meanwhile.uordblks < before.uordblks + (1 << 20) + 4096 &&
	      meanwhile.arena >= meanwhile.uordblks && mallinfo().uordblks == before.uordblks);
	assert(1);
}

int main(void)
{
	test_formats();
	test_strings();
	test_locale();
	test_mathematics();
	test_jumps();
	test_memory();
	return check_status();
}
