/* The time loops for AVX2 with FMA: 8 floats a vector, 16 registers. */
#if defined(__x86_64__)
#if defined(__clang__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#include <immintrin.h>
#endif
#include <stdint.h>

#define LOOPS loops_avx2
#define V 8
#define TILE_ROWS                                                                                            \
    {                                                                                                        \
        8, 6, 4, 3                                                                                           \
    }
static const int32_t MASKS[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
#define first_n(n) _mm256_loadu_si256((const __m256i *)(MASKS + V - (n)))
typedef __m256 vec;
#define v_set(x) _mm256_set1_ps(x)
#define v_load(p) _mm256_loadu_ps(p)
#define v_store(p, x) _mm256_storeu_ps(p, x)
#define v_load_n(p, n) ((n) == V ? v_load(p) : _mm256_maskload_ps(p, first_n(n)))
#define v_store_n(p, x, n) ((n) == V ? v_store(p, x) : _mm256_maskstore_ps(p, first_n(n), x))
#define v_add(a, b) _mm256_add_ps(a, b)
#define v_sub(a, b) _mm256_sub_ps(a, b)
#define v_mul(a, b) _mm256_mul_ps(a, b)
#define v_div(a, b) _mm256_div_ps(a, b)
#define v_fma(a, b, c) _mm256_fmadd_ps(a, b, c)   /* a * b + c */
#define v_fnma(a, b, c) _mm256_fnmadd_ps(a, b, c) /* c - a * b */
#define v_min(a, b) _mm256_min_ps(a, b)           /* here and in v_max, NaN in b stays NaN */
#define v_max(a, b) _mm256_max_ps(a, b)
#define v_abs(x) _mm256_andnot_ps(v_set(-0.0f), x)
#define v_copy_sign(x, s) _mm256_or_ps(x, _mm256_and_ps(s, v_set(-0.0f)))
#define v_power_of_two(n)                                                                                    \
    _mm256_castsi256_ps(                                                                                     \
        _mm256_add_epi32(_mm256_slli_epi32(_mm256_castps_si256(n), 23), _mm256_set1_epi32(127 << 23)))
#define v_if_less(a, b, x, y) _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ))
#define v_zero_if_less(y, a, b) _mm256_and_ps(y, _mm256_cmp_ps(a, b, _CMP_NLT_UQ))
#define DOT_ROWS 3
/* The sums of four vectors, each in the same order. */
static inline void v_store_sums(float *p, vec a, vec b, vec c, vec d)
{
    const vec x = _mm256_add_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
    const vec y = _mm256_add_ps(_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
    const vec s = _mm256_add_ps(_mm256_shuffle_ps(x, y, 0x44), _mm256_shuffle_ps(x, y, 0xee));
    _mm_storeu_ps(p, _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1)));
}
#include "loops.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
