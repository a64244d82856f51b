/* SPDX-License-Identifier: MIT */
/*
 * Hexadecimal floating-point numbers, printed and read, in bytes and in wide characters, up to
 * the limits of long double. What is wanted stands in the source, where the compiler of the host
 * reads it, or comes from reference(), which computes with whole numbers.
 *
 * Before the point stands 1, as in Newlib's %a of a double; C leaves it open.
 */
#include "check.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

enum { LENGTH = 400, ALL = -1 };

static void widen(wchar_t *to, const char *from)
{
	while ((*to++ = (unsigned char)*from++))
		;
}

/* Both kinds of printf() must give `wanted`. */
static int printed(const char *wanted, const char *format, ...)
{
	char bytes[LENGTH];
	wchar_t wide[LENGTH], wide_format[LENGTH], wide_wanted[LENGTH];
	va_list list;

	widen(wide_format, format);
	widen(wide_wanted, wanted);
	va_start(list, format);
	int length = vsnprintf(bytes, LENGTH, format, list);
	va_end(list);
	va_start(list, format);
	int wide_length = vswprintf(wide, LENGTH, wide_format, list);
	va_end(list);
	if (!strcmp(bytes, wanted) && length == (int)strlen(wanted) && !wcscmp(wide, wide_wanted) &&
	    wide_length == length)
		return 1;
	printf("%s: wanted %s, got %s and %ls\n", format, wanted, bytes, wide);
	return 0;
}

static void test_known(void)
{
	CHECK(printed("0x1.921fb54442d1846ap+1", "%La", 3.14159265358979323846L));
	CHECK(printed("0x1.921fb54442d18p+1", "%a", 3.14159265358979323846));
	CHECK(printed("0x1.fffffffffffffp+1023 0x1p-1074", "%a %a", DBL_MAX, DBL_TRUE_MIN));
	CHECK(printed("0x1.a3750647fcab18c2p+13287", "%La", 1e4000L));
	CHECK(printed("0x1.1ccf385ebc89ff1ep+1024", "%La", 2e308L));
	CHECK(printed("0x1.fffffffffffffffep+16383", "%La", LDBL_MAX));
	CHECK(printed("-0X1.FFFFFFFFFFFFFFFEP+16383", "%LA", -LDBL_MAX));
	CHECK(printed("0x1p-16382 0x1p-16445", "%La %La", LDBL_MIN, LDBL_TRUE_MIN));
	CHECK(printed("0x1.fffffffffffffffcp-16383", "%La", LDBL_MIN - LDBL_TRUE_MIN));
	CHECK(printed("0x0p+0 -0x0p+0 -0x0.000p+0", "%La %La %.3La", 0.0L, -0.0L, -0.0L));
	CHECK(printed("inf -INF nan", "%La %LA %La", (long double)INFINITY, -(long double)INFINITY,
		      (long double)NAN));
	/* Rounded to nearest, ties to even, up to the digit before the point. */
	CHECK(printed("0x1.0p+0 0x1.2p+0", "%.1La %.1La", 0x1.08p0L, 0x1.18p0L));
	CHECK(printed("0x1.1p+0 0x1.0p+0", "%.1La %.1La", 0x1.0800000000000002p0L,
		      0x1.07fffffffffffffep0L));
	CHECK(printed("0x2p+0 0x1p+0 0x2p+0", "%.0La %.0La %.0La", 0x1.8p0L,
		      0x1.7ffffffffffffffep0L, 0x1.8000000000000002p0L));
	CHECK(printed("0x2.0p-5 0x1.fp-5", "%.1La %.1La", 0x1.f8p-5L, 0x1.f7p-5L));
	CHECK(printed("0x2.000000000000000p+16383", "%.15La", LDBL_MAX));
	CHECK(printed("0x1.fffffffffffffffep+16383", "%.16La", LDBL_MAX));
	CHECK(printed("0x1.80000000000000000000p+0", "%.20La", 1.5L));
	/* Widths and flags. */
	CHECK(printed("[    0x1.8p+16000]", "[%16La]", 0x1.8p16000L));
	CHECK(printed("[0x1.8p+16000    ]", "[%-16La]", 0x1.8p16000L));
	CHECK(printed("[-0X0001.8P+16000]", "[%016LA]", -0x1.8p16000L));
	CHECK(printed("[+0x1.8p+0] [ 0x1.8p+0] [0x1.p+0]", "[%+La] [% La] [%#.0La]", 1.5L, 1.5L,
		      1.0L));
	CHECK(printed("0x1.8000p+0 2.5", "%2$.*1$La %3$.1Lf", 4, 1.5L, 2.5L));
	/* In decimal. */
	CHECK(printed("1.18973e+4932 3.6452e-4951", "%.5Le %.4Le", LDBL_MAX, LDBL_TRUE_MIN));
	CHECK(printed("1e+4000 -2.5", "%Lg %Lg", 1e4000L, -2.5L));
}

/* mantissa * 2^exponent, its highest bit set: as %.*La prints it, with all digits if precision is
 * -1. */
static void reference(char *to, uint64_t mantissa, int exponent, int precision)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t fraction = mantissa << 1; /* behind the point, 16 digits */
	int lead = 1, count = precision < 0 || precision > 16 ? 16 : precision;

	if (count < 16) {
		uint64_t unit = count ? UINT64_C(1) << (64 - 4 * count) : 0,
			 half = count ? unit / 2 : UINT64_C(1) << 63;
		uint64_t rest = count ? fraction & (unit - 1) : fraction;
		int odd = count ? (fraction & unit) != 0 : lead & 1;

		fraction -= rest;
		if (rest > half || (rest == half && odd)) {
			fraction += unit;
			lead += fraction == 0;
		}
	}
	if (precision < 0)
		while (count && !(fraction << 4 * (count - 1)))
			count--;
	to += sprintf(to, "0x%d%s", lead, count || precision > 0 ? "." : "");
	for (int i = 0; i < (precision < 0 ? count : precision); i++)
		*to++ = i < 16 ? digits[fraction >> (60 - 4 * i) & 15] : '0';
	sprintf(to, "p%+d", exponent + 63);
}

static int same(const void *a, const void *b, size_t size)
{
	return !memcmp(a, b, size);
}

static uint64_t next(void)
{
	static uint64_t state = 1;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Any value: printed with any precision; printed in full and read again. */
static void test_many(void)
{
	char wanted[64], text[64];
	wchar_t wide[64];

	for (int i = 0; i < 1000; i++) {
		uint64_t mantissa = next();
		unsigned exponent = i % 4 ? (unsigned)(next() % 32767) : 16383 - 64 + i % 128;
		long double value = 0, again = 1, wide_again = 1;

		if (i % 3 == 0) /* few bits, and so ties */
			mantissa &= ~UINT64_C(0) << (next() % 60);
		if (i % 5 == 0) /* many ones, and so carries */
			mantissa |= ~UINT64_C(0) << (next() % 60);
		if (i % 7 == 0)
			exponent = 0; /* subnormal */
		mantissa = exponent ? mantissa | UINT64_C(1) << 63 : mantissa >> 1 | 1;
		memcpy(&value, &mantissa, 8);
		memcpy((char *)&value + 8, &exponent, 2);
		if (!exponent)
			exponent = 1;
		int shift = __builtin_clzll(mantissa);
		mantissa <<= shift;
		exponent -= (unsigned)shift;
		for (int precision = -1; precision <= 20; precision++) {
			reference(wanted, mantissa, (int)exponent - 16446, precision);
			CHECK(precision < 0 ? printed(wanted, "%La", value)
					    : printed(wanted, "%.*La", precision, value));
		}
		reference(text, mantissa, (int)exponent - 16446, -1);
		widen(wide, text);
		CHECK(sscanf(text, "%La", &again) == 1 && same(&again, &value, 10));
		CHECK(swscanf(wide, L"%La", &wide_again) == 1 && same(&wide_again, &value, 10));
		CHECK((again = strtold(text, NULL)) == value);
	}
}

/* As all of the functions read it: the value, in two precisions, and how many characters of the
 * text it has. */
static int read_as(const char *text, double wanted, long double wanted_long, int length)
{
	wchar_t wide[LENGTH];
	double value[2] = {1, 1};
	long double value_long[2] = {1, 1};
	float value_float[2] = {1, 1}, wanted_float = (float)wanted;
	int n[6] = {0}, good = 0;
	char *end, *end_long;

	if (length == ALL)
		length = (int)strlen(text);
	widen(wide, text);
	good += sscanf(text, "%lf%n", &value[0], &n[0]);
	good += swscanf(wide, L"%lf%n", &value[1], &n[1]);
	good += sscanf(text, "%Lf%n", &value_long[0], &n[2]);
	good += swscanf(wide, L"%La%n", &value_long[1], &n[3]);
	good += sscanf(text, "%f%n", &value_float[0], &n[4]);
	good += swscanf(wide, L"%a%n", &value_float[1], &n[5]);
	good = good == 6;
	for (int i = 0; i < 6; i++)
		good &= n[i] == length;
	for (int i = 0; i < 2; i++)
		good &= same(&value[i], &wanted, 8) && same(&value_long[i], &wanted_long, 10) &&
			same(&value_float[i], &wanted_float, 4);
	if (!good)
		printf("%s: %a %a, %La %La, %a %a, length %d\n", text, value[0], value[1],
		       value_long[0], value_long[1], value_float[0], value_float[1], n[0]);
	value[0] = strtod(text, &end);
	value_long[0] = strtold(text, &end_long);
	if (!same(&value[0], &wanted, 8) || !same(&value_long[0], &wanted_long, 10) ||
	    end != text + length || end_long != end) {
		printf("%s: strtod %a, strtold %La, length %d\n", text, value[0], value_long[0],
		       (int)(end - text));
		good = 0;
	}
	return good;
}

static void test_reading(void)
{
	/* Forms. */
	CHECK(read_as("0x1.8p3", 12, 12, ALL) && read_as("0X.8P+1", 1, 1, ALL));
	CHECK(read_as("0x10", 16, 16, ALL) &&
	      read_as("-0xAbC.dEf", -0xabc.defp0, -0xabc.defp0L, ALL));
	CHECK(read_as("+0x000.0001p16", 1, 1, ALL) && read_as("0x1.", 1, 1, ALL));
	CHECK(read_as("0x0p5", 0, 0, ALL) && read_as("-0x.0", -0.0, -0.0L, ALL));
	/* What does not belong to the number is left. */
	CHECK(read_as("0x", 0, 0, 1) && read_as("0xg", 0, 0, 1) && read_as("0x.", 0, 0, 1));
	CHECK(read_as("-0x.p1", -0.0, -0.0L, 2) && read_as("00x1", 0, 0, 2));
	CHECK(read_as("0x1p", 1, 1, 3) && read_as("0x1p+", 1, 1, 3) &&
	      read_as("0x1.8p-x", 1.5, 1.5L, 5));
	CHECK(read_as("0x1p1.5", 2, 2, 5) && read_as("0x1.8.8", 1.5, 1.5L, 5));
	CHECK(read_as("0xep1p1", 28, 28, 5) && read_as("0x1e+5", 30, 30, 4));
	CHECK(read_as("0x1nan", 1, 1, 3) && read_as("0x1x1", 1, 1, 3));
	/* Ties of double, and bits behind them. */
	CHECK(read_as("0x1.00000000000008p0", 1, 0x1.00000000000008p0L, ALL));
	CHECK(read_as("0x1.00000000000018p0", 0x1.0000000000002p0, 0x1.00000000000018p0L, ALL));
	CHECK(read_as("0x1.0000000000000cp0", 0x1.0000000000001p0, 0x1.0000000000000cp0L, ALL));
	CHECK(read_as("0x1.000000000000080000000000000000001p0", 0x1.0000000000001p0,
		      0x1.00000000000008p0L, ALL));
	CHECK(read_as("0x1.fffffffffffff7ffp1023", DBL_MAX, 0x1.fffffffffffff7ffp1023L, ALL));
	/* Of long double. */
	CHECK(read_as("0x1.0000000000000001p0", 1, 1, ALL));
	CHECK(read_as("0x1.0000000000000003p0", 1, 0x1.0000000000000004p0L, ALL));
	CHECK(read_as("0x1.00000000000000018p0", 1, 0x1.0000000000000002p0L, ALL));
	CHECK(read_as("0x1.ffffffffffffffffp0", 2, 2, ALL));
	/* Limits. */
	CHECK(read_as("0x1.fffffffffffff8p1023", INFINITY, 0x1.fffffffffffff8p1023L, ALL));
	CHECK(read_as("0x1p-1074", DBL_TRUE_MIN, 0x1p-1074L, ALL));
	CHECK(read_as("0x1p-1075", 0, 0x1p-1075L, ALL));
	CHECK(read_as("0x1.00000000000000000001p-1075", DBL_TRUE_MIN, 0x1p-1075L, ALL));
	CHECK(read_as("0x.8p-1074", 0, 0x1p-1075L, ALL));
	CHECK(read_as("0x1.fffffffffffffffep16383", INFINITY, LDBL_MAX, ALL));
	CHECK(read_as("-0x1.ffffffffffffffffp16383", -INFINITY, -(long double)INFINITY, ALL));
	CHECK(read_as("0x1p-16445", 0, LDBL_TRUE_MIN, ALL) &&
	      read_as("-0x1p-16446", -0.0, -0.0L, ALL));
	CHECK(read_as("0x1.0000000001p-16446", 0, LDBL_TRUE_MIN, ALL));
	CHECK(read_as("0x1.fffffffffffffffep-16383", 0, LDBL_MIN, ALL));
	CHECK(read_as("0x1p99999999999999999999", INFINITY, INFINITY, ALL));
	CHECK(read_as("0x1p-99999999999999999999", 0, 0, ALL));
	CHECK(read_as("-0x0p99999999999999999999", -0.0, -0.0L, ALL));
	errno = 0;
	CHECK(strtod("0x1p1024", NULL) == INFINITY && errno == ERANGE);
	errno = 0;
	CHECK(strtold("0x1p-17000", NULL) == 0 && errno == ERANGE);
	errno = 0;
	CHECK(strtod("0x1p-1074", NULL) == DBL_TRUE_MIN && strtold("0x1p1024", NULL) == 0x1p1024L &&
	      !errno);
	/* In decimal: the sign of zero; in wide text also long double, and INF in capitals. */
	CHECK(read_as("-0", -0.0, -0.0L, ALL) && read_as("-0.00e9", -0.0, -0.0L, ALL));
	CHECK(read_as("2.25", 2.25, 2.25L, ALL) && read_as("-1e4000", -INFINITY, -1e4000L, ALL));
	CHECK(read_as("INF", INFINITY, INFINITY, ALL) &&
	      read_as("-Infinity", -INFINITY, -INFINITY, ALL));
}

/* Widths, and what follows. */
static void test_fields(void)
{
	double a = 9, b = 9;
	int n = 0;
	char rest[8];

	CHECK(sscanf("0x12", "%3lf%lf", &a, &b) == 2 && a == 1 && b == 2);
	CHECK(sscanf("0x12", "%2lf%lf", &a, &b) == 1 && a == 0);
	CHECK(sscanf("0x8", "%1lf%7s", &a, rest) == 2 && a == 0 && !strcmp(rest, "x8"));
	CHECK(sscanf("-0x1p-12", "%7lf%n%lf", &a, &n, &b) == 2 && a == -0.5 && n == 7 && b == 2);
	CHECK(sscanf("0x1p-12", "%5lf%7s", &a, rest) == 2 && a == 1 && !strcmp(rest, "p-12"));
	CHECK(sscanf("0x1p4 0x1p5,6", "%*lf%la,%d", &a, &n) == 2 && a == 32 && n == 6);
	CHECK(swscanf(L"0x12", L"%3lf%lf", &a, &b) == 2 && a == 1 && b == 2);
	CHECK(swscanf(L"-0x1p-12", L"%7lf%n%lf", &a, &n, &b) == 2 && a == -0.5 && n == 7 && b == 2);
}

/* From a stream whose buffer ends inside of each number. */
static void test_stream(void)
{
	double a = 9;
	FILE *file = fopen("/tmp/hexadecimal", "w+");
	char small[2];

	CHECK(file && fputs("0x.q 0x1.8p+z -0x10.1p4 0xx", file) >= 0 && !fclose(file));
	file = fopen("/tmp/hexadecimal", "r");
	CHECK(file && !setvbuf(file, small, _IOFBF, sizeof(small)));
	CHECK(fscanf(file, "%lf", &a) == 1 && a == 0 && getc(file) == 'x' && getc(file) == '.' &&
	      getc(file) == 'q');
	CHECK(fscanf(file, "%lf", &a) == 1 && a == 1.5 && getc(file) == 'p' && getc(file) == '+' &&
	      getc(file) == 'z');
	CHECK(fscanf(file, "%lf", &a) == 1 && a == -0x101);
	CHECK(fscanf(file, "%lf", &a) == 1 && a == 0 && getc(file) == 'x' && getc(file) == 'x' &&
	      getc(file) == EOF);
	fclose(file);
	file = fopen("/tmp/hexadecimal", "r");
	CHECK(file && fwscanf(file, L"%lf%*ls%lf", &a, &a) == 2 && a == 1.5 && getwc(file) == L'p');
	fclose(file);
}

/* More digits than any buffer has. */
static void test_long(void)
{
	enum { DIGITS = 9000 };
	char *text = malloc(DIGITS + 20);
	wchar_t *wide = malloc((DIGITS + 20) * sizeof(*wide));
	double a;

	for (int zero = 0; zero < 2; zero++) {
		strcpy(text, "-0x");
		memset(text + 3, zero ? '0' : 'f', DIGITS);
		strcpy(text + 3 + DIGITS, "1.8p1");
		widen(wide, text);
		a = 0;
		CHECK(sscanf(text, "%lf", &a) == 1 && a == (zero ? -3 : -INFINITY));
		a = 0;
		CHECK(swscanf(wide, L"%lf", &a) == 1 && a == (zero ? -3 : -INFINITY));
		a = 0;
		CHECK(sscanf(text, "%9005lf", &a) == 1 && a == (zero ? -1 : -INFINITY));
		a = 0;
		CHECK(swscanf(wide, L"%9004lf", &a) == 1 && a == (zero ? -1 : -INFINITY));
	}
	free(wide);
	free(text);
}

int main(void)
{
	test_known();
	test_many();
	test_reading();
	test_fields();
	test_stream();
	test_long();
	return check_status();
}
