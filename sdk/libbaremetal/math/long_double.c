/* SPDX-License-Identifier: MIT */
/*
 * The long double functions of <math.h>, which Newlib has only where long double
 * is double: here with the 80-bit instructions of the x87 unit.
 *
 * Within a few units in the last place, save these:
 * - erfl, erfcl, lgammal, tgammal have the precision of double;
 * - powl loses bits as its result's exponent grows (at most 14 of 64);
 * - sinl, cosl, tanl err by |x| * 2^-66, as the unit's own value of pi does; beyond
 *   2^62 nothing of the result is true. QEMU's emulation of these instructions has the
 *   precision of double.
 */
#include <complex.h>
#include <errno.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>

typedef long double real;

#undef isnan
#undef isinf
#define isnan(x) __builtin_isnan(x)
#define isinf(x) __builtin_isinf(x)

/* One instruction on one or two operands. */
#define X87_1(instruction, x)                                                                      \
	({                                                                                         \
		real result_;                                                                      \
		__asm__(instruction : "=t"(result_) : "0"((real)(x)));                             \
		result_;                                                                           \
	})
/* st(0) = a, st(1) = b; b is popped. */
#define X87_2(instruction, a, b)                                                                   \
	({                                                                                         \
		real result_;                                                                      \
		__asm__(instruction : "=t"(result_) : "0"((real)(a)), "u"((real)(b)) : "st(1)");   \
		result_;                                                                           \
	})

static const real pi = 3.141592653589793238462643383279502884L;
static const real ln2 = 0.693147180559945309417232121458176568L;
static const real log2_e = 1.442695040888963407359924681001892137L;
static const real log10_2 = 0.301029995663981195213738894724493027L;

real fabsl(real x)
{
	return X87_1("fabs", x);
}

real sqrtl(real x)
{
	return X87_1("fsqrt", x);
}

real copysignl(real x, real sign)
{
	return __builtin_signbit(sign) ? -fabsl(x) : fabsl(x);
}

/* Rounding to integers: the control word's bits 10 and 11 choose how. */
static real round_with(real x, unsigned short mode)
{
	unsigned short old, new;
	real result;

	__asm__ volatile("fnstcw %0" : "=m"(old));
	new = (unsigned short)((old & ~0x0c00) | mode);
	__asm__ volatile("fldcw %1\n\tfrndint\n\tfldcw %2"
			 : "=t"(result)
			 : "m"(new), "m"(old), "0"(x));
	return result;
}

real floorl(real x)
{
	return round_with(x, 0x0400);
}

real ceill(real x)
{
	return round_with(x, 0x0800);
}

real truncl(real x)
{
	return round_with(x, 0x0c00);
}

real rintl(real x)
{
	return X87_1("frndint", x);
}

real nearbyintl(real x)
{
	return rintl(x);
}

real roundl(real x)
{
	real whole = truncl(x);

	return fabsl(x - whole) >= 0.5L ? whole + copysignl(1, x) : whole;
}

long lrintl(real x)
{
	return (long)rintl(x);
}

long long llrintl(real x)
{
	return (long long)rintl(x);
}

long lroundl(real x)
{
	return (long)roundl(x);
}

long long llroundl(real x)
{
	return (long long)roundl(x);
}

real modfl(real x, real *whole)
{
	*whole = truncl(x);
	return copysignl(isinf(x) ? 0 : x - *whole, x);
}

/* The remainder instructions work in steps: bit 10 of the status says that it is not done. */
static real remainder_of(real x, real y, int nearest, int *quotient)
{
	unsigned short status;

	do {
		if (nearest)
			__asm__("fprem1\n\tfnstsw %1" : "+t"(x), "=a"(status) : "u"(y));
		else
			__asm__("fprem\n\tfnstsw %1" : "+t"(x), "=a"(status) : "u"(y));
	} while (status & 0x400);
	/* C0, C3, C1 (bits 8, 14, 9) are the quotient's low three bits. */
	*quotient = (status >> 8 & 1) << 2 | (status >> 14 & 1) << 1 | (status >> 9 & 1);
	return x;
}

real fmodl(real x, real y)
{
	int unused;

	return remainder_of(x, y, 0, &unused);
}

real remainderl(real x, real y)
{
	int unused;

	return remainder_of(x, y, 1, &unused);
}

real remquol(real x, real y, int *quotient)
{
	int bits = 0;
	real result = remainder_of(x, y, 1, &bits);

	*quotient = __builtin_signbit(x) != __builtin_signbit(y) ? -bits : bits;
	return result;
}

real scalbnl(real x, int exponent)
{
	real result;

	__asm__("fscale"
		: "=t"(result)
		: "0"(x), "u"((real)exponent)); /* takes nothing off the stack */
	return result;
}

real ldexpl(real x, int exponent)
{
	real result = scalbnl(x, exponent);

	if ((isinf(result) && !isinf(x)) || (!result && x))
		errno = ERANGE;
	return result;
}

real scalblnl(real x, long exponent)
{
	return scalbnl(x, exponent > INT_MAX   ? INT_MAX
			  : exponent < INT_MIN ? INT_MIN
					       : (int)exponent);
}

/* Splits into exponent and significand; logb is what is left under the significand. */
real logbl(real x)
{
	real exponent, significand;

	__asm__("fxtract" : "=t"(significand), "=u"(exponent) : "0"(x));
	return isinf(x) ? fabsl(x) : exponent;
}

int ilogbl(real x)
{
	if (!x)
		return FP_ILOGB0;
	if (isnan(x))
		return FP_ILOGBNAN;
	return isinf(x) ? INT_MAX : (int)logbl(x);
}

real frexpl(real x, int *exponent)
{
	*exponent = 0;
	if (!x || isnan(x) || isinf(x))
		return x;
	*exponent = ilogbl(x) + 1;
	return scalbnl(x, -*exponent);
}

static union bits {
	real value;
	struct {
		uint64_t significand;
		uint16_t exponent;
	};
} to_bits(real x)
{
	return (union bits){.value = x};
}

real nextafterl(real x, real y)
{
	union bits b = to_bits(x);

	if (isnan(x) || isnan(y))
		return x + y;
	if (x == y)
		return y;
	if (!x)
		return copysignl(LDBL_TRUE_MIN, y);
	if ((x < y) == (x > 0)) {
		if (!++b.significand) {
			b.significand = UINT64_C(1) << 63;
			b.exponent++;
		} else if (b.significand == UINT64_C(1) << 63 && !(b.exponent & 0x7fff)) {
			b.exponent++; /* the first normal number */
		}
	} else {
		if (b.significand-- == UINT64_C(1) << 63 && b.exponent & 0x7fff) {
			b.exponent--;
			if (b.exponent & 0x7fff)
				b.significand = UINT64_MAX;
		}
	}
	return b.value;
}

real nexttowardl(real x, real y)
{
	return nextafterl(x, y);
}

double nexttoward(double x, real y)
{
	if (isnan(x) || isnan(y))
		return (double)(x + y);
	return x == y ? (double)y : nextafter(x, y > x ? INFINITY : -INFINITY);
}

float nexttowardf(float x, real y)
{
	if (isnan(x) || isnan(y))
		return (float)(x + y);
	return x == y ? (float)y : nextafterf(x, y > x ? INFINITY : -INFINITY);
}

real nanl(const char *tag)
{
	return nan(tag);
}

real fmaxl(real x, real y)
{
	return isnan(x) ? y : isnan(y) || x > y ? x : x < y ? y : __builtin_signbit(x) ? y : x;
}

real fminl(real x, real y)
{
	return isnan(x) ? y : isnan(y) || x < y ? x : x > y ? y : __builtin_signbit(x) ? x : y;
}

real fdiml(real x, real y)
{
	return isnan(x) || isnan(y) ? x + y : x > y ? x - y : 0;
}

/* Both halves of the product exactly (Dekker), so that only the last addition rounds by much. */
real fmal(real x, real y, real z)
{
	const real split = 4294967297.0L; /* 2^32 + 1 */
	real product = x * y, a = x * split, b = y * split, x_high, x_low, y_high, y_low, error,
	     sum;

	if (isnan(a + b + product) || isinf(a) || isinf(b) || isinf(product) || isinf(z))
		return product + z;
	x_high = a - (a - x);
	x_low = x - x_high;
	y_high = b - (b - y);
	y_low = y - y_high;
	error = ((x_high * y_high - product) + x_high * y_low + x_low * y_high) + x_low * y_low;
	sum = product + z;
	b = sum - product;
	return sum + (error + ((product - (sum - b)) + (z - b)));
}

real hypotl(real x, real y)
{
	real large = fmaxl(fabsl(x), fabsl(y)), small = fminl(fabsl(x), fabsl(y));

	if (isinf(x) || isinf(y))
		return INFINITY;
	if (isnan(x) || isnan(y) || !small)
		return isnan(x) || isnan(y) ? x + y : large;
	small /= large;
	return large * sqrtl(1 + small * small);
}

/* Logarithms and exponentials. */

static real log_in_base(real x, real factor)
{
	if (x <= 0)
		errno = x ? EDOM : ERANGE;
	return X87_2("fyl2x", x, factor);
}

real logl(real x)
{
	return log_in_base(x, ln2);
}

real log2l(real x)
{
	return log_in_base(x, 1);
}

real log10l(real x)
{
	return log_in_base(x, log10_2);
}

real log1pl(real x)
{
	if (fabsl(x) < 0.29L) /* fyl2xp1's range: 1 - sqrt(1/2) */
		return X87_2("fyl2xp1", x, ln2);
	return logl(1 + x);
}

/* 2^(high + low) for |high| up to the exponent's range. */
static real exp2_sum(real high, real low)
{
	real whole = rintl(high);

	if (isnan(high))
		return high;
	if (high > 16385 || high < -16500) {
		errno = ERANGE;
		return high > 0 ? INFINITY : 0;
	}
	return scalbnl(X87_1("f2xm1", high - whole + low) + 1, (int)whole);
}

real exp2l(real x)
{
	return exp2_sum(x, 0);
}

/* x * log2(e) in two parts: log2(e) is cut to 32 bits, so that the first product of such a cut is
 * exact. */
real expl(real x)
{
	const real high = 1.4426950407214462757110595703125L; /* log2(e) to 32 bits */
	const real low = 1.67517131648865110689392137426645954e-10L;
	real x_high;

	if (isnan(x) || fabsl(x) > 12000)
		return isnan(x) ? x : exp2_sum(x * log2_e, 0);
	x_high = (float)x;
	return exp2_sum(x_high * high, x_high * low + (x - x_high) * log2_e);
}

real expm1l(real x)
{
	if (fabsl(x) < 0.5L)
		return X87_1("f2xm1", x * log2_e);
	return expl(x) - 1;
}

real powl(real x, real y)
{
	real size, result;
	int odd;

	if (!y || x == 1)
		return 1;
	if (isnan(x) || isnan(y))
		return x + y;
	odd = fabsl(y) < 0x1p64L && fmodl(y, 2) != 0 && rintl(y) == y;
	if (isinf(y)) {
		size = fabsl(x);
		return size == 1 ? 1 : (size > 1) == (y > 0) ? INFINITY : 0;
	}
	if (x < 0 && rintl(y) != y && !isinf(x)) {
		errno = EDOM;
		return NAN;
	}
	if (!x || isinf(x)) {
		if (!x && y < 0)
			errno = ERANGE;
		result = !x == (y > 0) ? 0 : INFINITY;
		return odd ? copysignl(result, x) : result;
	}
	if (rintl(y) == y && fabsl(y) <= 64) { /* exact where the result is */
		unsigned n = (unsigned)fabsl(y);

		size = x;
		for (result = 1; n; n >>= 1, size *= size)
			if (n & 1)
				result *= size;
		return y < 0 ? 1 / result : result;
	}
	result = exp2_sum(y * X87_2("fyl2x", fabsl(x), (real)1), 0);
	return x < 0 && odd ? -result : result;
}

real cbrtl(real x)
{
	real root;

	if (!x || isnan(x) || isinf(x))
		return x;
	root = copysignl(exp2l(log2l(fabsl(x)) / 3), x);
	return root - (root * root * root - x) / (3 * root * root); /* one step of Newton's */
}

/* Circular functions. Beyond 2^63 the instructions do nothing: there, a multiple of 2 pi is taken
 * off. */

static real reduce(real x)
{
	return fabsl(x) < 0x1p62L ? x : fmodl(x, 2 * pi);
}

static real domain(real x)
{
	if (isinf(x)) {
		errno = EDOM;
		return NAN;
	}
	return reduce(x);
}

real sinl(real x)
{
	return X87_1("fsin", domain(x));
}

real cosl(real x)
{
	return X87_1("fcos", domain(x));
}

real tanl(real x)
{
	real one, result;

	__asm__("fptan" : "=t"(one), "=u"(result) : "0"(domain(x)));
	return result;
}

real atan2l(real y, real x)
{
	return X87_2("fpatan", x, y);
}

real atanl(real x)
{
	return atan2l(x, 1);
}

static int beyond_one(real x)
{
	if (fabsl(x) > 1)
		errno = EDOM;
	return fabsl(x) > 1;
}

real asinl(real x)
{
	return beyond_one(x) ? NAN : atan2l(x, sqrtl((1 - x) * (1 + x)));
}

real acosl(real x)
{
	return beyond_one(x) ? NAN : atan2l(sqrtl((1 - x) * (1 + x)), x);
}

/* Hyperbolic functions. */

real sinhl(real x)
{
	real size = fabsl(x), e = size > 11000 ? expl(size / 2) : expm1l(size);

	if (size > 11000)
		return copysignl(e / 2 * e, x);
	return copysignl((e + e / (e + 1)) / 2, x);
}

real coshl(real x)
{
	real size = fabsl(x), e;

	e = expl(size > 11000 ? size / 2 : size);
	if (size > 11000)
		return e / 2 * e;
	return (e + 1 / e) / 2;
}

real tanhl(real x)
{
	real size = fabsl(x), e;

	if (size > 40)
		return copysignl(1, x);
	e = expm1l(2 * size);
	return copysignl(isnan(x) ? x : e / (e + 2), x);
}

real asinhl(real x)
{
	real size = fabsl(x);

	if (size > 0x1p40L)
		return copysignl(logl(size) + ln2, x);
	return copysignl(log1pl(size + size * size / (1 + sqrtl(size * size + 1))), x);
}

real acoshl(real x)
{
	if (x < 1) {
		errno = EDOM;
		return NAN;
	}
	if (x > 0x1p40L)
		return logl(x) + ln2;
	return log1pl(x - 1 + sqrtl((x - 1) * (x + 1)));
}

real atanhl(real x)
{
	if (fabsl(x) >= 1) {
		errno = fabsl(x) == 1 ? ERANGE : EDOM;
		return fabsl(x) == 1 ? copysignl(INFINITY, x) : NAN;
	}
	return copysignl(log1pl(2 * fabsl(x) / (1 - fabsl(x))) / 2, x);
}

/* With the precision of double. */

real erfl(real x)
{
	return erf((double)x);
}

real erfcl(real x)
{
	return erfc((double)x);
}

real lgammal(real x)
{
	return lgamma((double)x);
}

real tgammal(real x)
{
	return tgamma((double)x);
}

long double complex clog10l(long double complex x)
{
	return clogl(x) * 0.434294481903251827651128918916605082L;
}
