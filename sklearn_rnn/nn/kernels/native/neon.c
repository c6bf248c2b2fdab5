/* The time loops for NEON on 64-bit Arm: 4 floats a vector, 32 registers. */
#if defined(__aarch64__)
#include <arm_neon.h>
#include <string.h>

#define LOOPS loops_neon
#define V 4
#define TILE_ROWS                                                                                            \
    {                                                                                                        \
        8, 8, 8, 6                                                                                           \
    }
typedef float32x4_t vec;
#define v_set(x) vdupq_n_f32(x)
#define v_load(p) vld1q_f32(p)
#define v_store(p, x) vst1q_f32(p, x)
#define v_add(a, b) vaddq_f32(a, b)
#define v_sub(a, b) vsubq_f32(a, b)
#define v_mul(a, b) vmulq_f32(a, b)
#define v_div(a, b) vdivq_f32(a, b)
#define v_fma(a, b, c) vfmaq_f32(c, a, b)  /* a * b + c */
#define v_fnma(a, b, c) vfmsq_f32(c, a, b) /* c - a * b */
#define v_min(a, b) vminq_f32(a, b)        /* here and in v_max, NaN stays NaN */
#define v_max(a, b) vmaxq_f32(a, b)
#define v_abs(x) vabsq_f32(x)
#define v_copy_sign(x, s) vbslq_f32(vdupq_n_u32(0x80000000u), s, x)
#define v_power_of_two(n)                                                                                    \
    vreinterpretq_f32_s32(vaddq_s32(vshlq_n_s32(vreinterpretq_s32_f32(n), 23), vdupq_n_s32(127 << 23)))
#define v_if_less(a, b, x, y) vbslq_f32(vcltq_f32(a, b), x, y)
#define v_zero_if_less(y, a, b) vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(y), vcltq_f32(a, b)))

static inline vec v_load_n(const float *p, int64_t n)
{
    float x[V] = {0.0f};
    if (n == V) return v_load(p);
    memcpy(x, p, (size_t)n * sizeof(float));
    return v_load(x);
}

static inline void v_store_n(float *p, vec x, int64_t n)
{
    float y[V];
    if (n == V) {
        v_store(p, x);
        return;
    }
    v_store(y, x);
    memcpy(p, y, (size_t)n * sizeof(float));
}

#define DOT_ROWS 6
/* The sums of four vectors, each in the same order. */
static inline void v_store_sums(float *p, vec a, vec b, vec c, vec d)
{
    v_store(p, vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d)));
}
#include "loops.h"
#endif
