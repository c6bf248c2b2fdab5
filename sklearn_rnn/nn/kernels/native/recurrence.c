/* Compiled back-propagation through time for the CPU: which loops run, and on which threads. */
#include <stddef.h>

#include "team.h"

#if !defined(__GNUC__)
#error "GCC or Clang is needed; without this extension the package runs on torch alone."
#endif
#define EXPORT __attribute__((visibility("default")))

enum { NONE, AVX512, AVX2, NEON };

static const struct loops *loops_for(int64_t set)
{
#if defined(__x86_64__)
    if (set == AVX512) return &loops_avx512;
    if (set == AVX2) return &loops_avx2;
#elif defined(__aarch64__)
    if (set == NEON) return &loops_neon;
#endif
    return NULL;
}

/* Whether this processor can run the loops for an instruction set. */
EXPORT int rnn_supports(int64_t set)
{
    if (!loops_for(set)) return 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 0;
    return set == AVX2 || (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"));
#else
    return 1;
#endif
}

/* What a caller checks before it trusts its own idea of the structs. */
EXPORT int64_t rnn_call_size(void) { return (int64_t)sizeof(struct call); }

EXPORT int64_t rnn_readout_size(void) { return (int64_t)sizeof(struct readout); }

/* A digest of the sources that this was built from, which setup.py defines. */
#ifndef RNN_SOURCES
#define RNN_SOURCES ""
#endif
EXPORT const char *rnn_sources(void) { return RNN_SOURCES; }

/* How many floats of `work` a run needs. */
EXPORT int64_t rnn_work_size(int64_t set, const struct call *call, int is_back)
{
    struct call c = *call;
    return loops_for(set)->lay_out(&c, is_back);
}

/* ---- Runs ---- */

EXPORT void rnn_forward(int64_t set, struct call *call)
{
    const struct loops *loops = loops_for(set);
    loops->lay_out(call, 0);
    if (!call->is_ready) loops->prepare(call, 0);
    team_run(call, loops->forward, call->n_threads);
}

EXPORT void rnn_backward(int64_t set, struct call *call)
{
    const struct loops *loops = loops_for(set);
    loops->lay_out(call, 1);
    loops->prepare(call, 1);
    team_run(call, loops->backward, call->n_threads);
    team_run(call, loops->weight_gradients, call->n_threads);
}

/* How many floats of `work` a readout needs. */
EXPORT int64_t rnn_readout_work_size(int64_t set, const struct readout *readout)
{
    struct readout o = *readout;
    return loops_for(set)->lay_out_readout(&o);
}

/* Gives the loss; NaN where a target is not a class. */
EXPORT double rnn_read_out(int64_t set, struct readout *readout)
{
    const struct loops *loops = loops_for(set);
    double loss = 0.0;
    loops->lay_out_readout(readout);
    loops->prepare_readout(readout);
    team_run(readout, loops->read_out, readout->n_threads);
    team_run(readout, loops->readout_gradients, readout->n_threads);
    for (int64_t i = 0; i < readout->n; i++) loss += readout->losses[i];
    return (double)((float)loss / (float)readout->n); /* infinite where a sum in float32 is */
}

/* ---- Rows ---- */

enum { LINEAR, MIX, NORMALIZE, MAP };

EXPORT void rnn_rows(int64_t set, int64_t n_threads, int64_t what, int64_t function, int64_t n_groups,
                     int64_t n, int64_t width, int64_t n_outputs, const float *x, const float *weight,
                     const float *bias, float *out)
{
    const struct loops *loops = loops_for(set);
    share_function *const run[] = {loops->linear, loops->mix, loops->normalize, loops->map};
    const struct rows job = {function, n_groups, n, width, n_outputs, x, weight, bias, out};
    team_run(&job, run[what], n_threads);
}

EXPORT void rnn_marginals(int64_t set, int64_t n_threads, int64_t n_steps, int64_t n_labels,
                          const int64_t *sizes, const float *scores, const float *moves,
                          const float *moves_back, const float *start, const float *end, float *work,
                          float *out)
{
    const struct chain job = {n_steps, n_labels, sizes, scores, moves, moves_back, start, end, work, out};
    team_run(&job, loops_for(set)->marginals, n_threads);
}
