/* The time loops for AVX-512: 16 floats a vector, 32 registers. */
#if defined(__x86_64__)
#if defined(__clang__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx2,fma")
#include <immintrin.h>
#endif

#define LOOPS loops_avx512
#define V 16
#define TILE_ROWS                                                                                            \
    {                                                                                                        \
        8, 8, 8, 6                                                                                           \
    }
#define first_n(n) ((__mmask16)((1u << (n)) - 1))
typedef __m512 vec;
#define v_set(x) _mm512_set1_ps(x)
#define v_load(p) _mm512_loadu_ps(p)
#define v_store(p, x) _mm512_storeu_ps(p, x)
#define v_load_n(p, n) ((n) == V ? v_load(p) : _mm512_maskz_loadu_ps(first_n(n), p))
#define v_store_n(p, x, n) ((n) == V ? v_store(p, x) : _mm512_mask_storeu_ps(p, first_n(n), x))
#define v_add(a, b) _mm512_add_ps(a, b)
#define v_sub(a, b) _mm512_sub_ps(a, b)
#define v_mul(a, b) _mm512_mul_ps(a, b)
#define v_div(a, b) _mm512_div_ps(a, b)
#define v_fma(a, b, c) _mm512_fmadd_ps(a, b, c)   /* a * b + c */
#define v_fnma(a, b, c) _mm512_fnmadd_ps(a, b, c) /* c - a * b */
#define v_min(a, b) _mm512_min_ps(a, b)           /* here and in v_max, NaN in b stays NaN */
#define v_max(a, b) _mm512_max_ps(a, b)
#define v_abs(x) _mm512_abs_ps(x)
#define v_copy_sign(x, s) _mm512_or_ps(x, _mm512_and_ps(s, v_set(-0.0f)))
#define v_power_of_two(n)                                                                                    \
    _mm512_castsi512_ps(                                                                                     \
        _mm512_add_epi32(_mm512_slli_epi32(_mm512_castps_si512(n), 23), _mm512_set1_epi32(127 << 23)))
#define v_if_less(a, b, x, y) _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x)
#define v_zero_if_less(y, a, b) _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, b, _CMP_NLT_UQ), y)
#define DOT_ROWS 6
#define v_halves(x) _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1))
/* The sums of four vectors, each in the same order. */
static inline void v_store_sums(float *p, vec a, vec b, vec c, vec d)
{
    const __m256 e = v_halves(a), f = v_halves(b), g = v_halves(c), h = v_halves(d);
    const __m256 x = _mm256_add_ps(_mm256_unpacklo_ps(e, f), _mm256_unpackhi_ps(e, f));
    const __m256 y = _mm256_add_ps(_mm256_unpacklo_ps(g, h), _mm256_unpackhi_ps(g, h));
    const __m256 s = _mm256_add_ps(_mm256_shuffle_ps(x, y, 0x44), _mm256_shuffle_ps(x, y, 0xee));
    _mm_storeu_ps(p, _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1)));
}
#include "loops.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
