/* The time loops, written once for vectors of V floats. avx2.c, avx512.c and neon.c say what such a vector is
 * and include this file.
 *
 * A row is a sequence of the batch. Its entry at step t stands at `start + row`, where `start` counts the
 * entries of the steps before t. Rows are dealt out to threads like cards, so that each gets long and short
 * ones; no thread ever waits for another. A row is computed in one order, whoever its neighbours are.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "recurrence.h"

#define INLINE inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define PANEL 4 /* vectors of columns in a panel of a packed matrix */
#define CHUNK                                                                                                \
    256 /* entries that are added up before they join a longer sum: their panel stays in the cache */

/* ---- Functions of one vector ---- */

/* exp(x) for |x| <= 87; NaN stays NaN. After Cephes' expf. */
static INLINE vec vec_exp(vec x)
{
    const vec magic = v_set(12582912.0f); /* 1.5 * 2^23: what is added to it is rounded to an integer */
    vec n = v_fma(x, v_set(1.44269504088896341f), magic);
    const vec power = v_power_of_two(n); /* of the integer, which is in the low bits */
    n = v_sub(n, magic);
    x = v_fma(n, v_set(-0.693359375f), x); /* x - n log 2, in two parts */
    x = v_fma(n, v_set(2.12194440e-4f), x);
    vec y = v_set(1.9875691500e-4f);
    y = v_fma(y, x, v_set(1.3981999507e-3f));
    y = v_fma(y, x, v_set(8.3334519073e-3f));
    y = v_fma(y, x, v_set(4.1665795894e-2f));
    y = v_fma(y, x, v_set(1.6666665459e-1f));
    y = v_fma(y, x, v_set(5.0000001201e-1f));
    y = v_fma(y, v_mul(x, x), v_add(x, v_set(1.0f)));
    return v_mul(y, power);
}

/* exp(x) for x <= 0; what would be a denormal is 0. */
static INLINE vec vec_exp_of_negative(vec x)
{
    return v_zero_if_less(vec_exp(v_max(v_set(-87.0f), x)), x, v_set(-87.0f));
}

static INLINE vec vec_sigmoid(vec x)
{
    const vec bounded = v_max(v_set(-87.0f), v_min(v_set(87.0f), x));
    const vec y = v_div(v_set(1.0f), v_add(v_set(1.0f), vec_exp(v_sub(v_set(0.0f), bounded))));
    return v_zero_if_less(y, x, v_set(-87.0f));
}

/* After Cephes' tanhf. */
static INLINE vec vec_tanh(vec x)
{
    const vec size = v_abs(x);
    const vec bounded = v_min(v_set(10.0f), size); /* tanh(10) rounds to 1 */
    const vec e = vec_exp(v_add(bounded, bounded));
    const vec large = v_sub(v_set(1.0f), v_div(v_set(2.0f), v_add(e, v_set(1.0f))));
    const vec z = v_mul(x, x);
    vec y = v_set(-5.70498872745e-3f);
    y = v_fma(y, z, v_set(2.06390887954e-2f));
    y = v_fma(y, z, v_set(-5.37397155531e-2f));
    y = v_fma(y, z, v_set(1.33314422036e-1f));
    y = v_fma(y, z, v_set(-3.33332819422e-1f));
    y = v_fma(v_mul(y, z), x, x);
    return v_if_less(size, v_set(0.625f), y, v_copy_sign(large, x));
}

static INLINE vec activate(int64_t activation, vec x)
{
    if (activation == TANH) return vec_tanh(x);
    if (activation == RELU) return v_max(v_set(0.0f), x);
    if (activation == SIGMOID) return vec_sigmoid(x);
    return x;
}

/* The derivative of `activate`, given its value. */
static INLINE vec slope(int64_t activation, vec y)
{
    if (activation == TANH) return v_fnma(y, y, v_set(1.0f));
    if (activation == RELU)
        return v_if_less(v_set(0.0f), y, v_set(1.0f), v_sub(y, y)); /* y - y: NaN stays NaN */
    if (activation == SIGMOID) return v_fnma(y, y, y);
    return v_set(1.0f);
}

/* ---- Matrix products ---- */

/* The first n numbers at a place; a vector of them is filled up with zeros. */
#define LOAD(p) v_load_n(p, n)
#define STORE(p, x) v_store_n(p, x, n)
#define FOR_EACH_UNIT(u, n, H) for (int64_t u = 0, n; n = MIN((H)-u, V), u < (H); u += V)

/* out (MR, NV * V) = a (MR, K), or the transpose of a (K, MR), times a panel (K, NV * V), in as many
 * registers as there are results. */
#define BY_ROWS(r, k) ((r)*stride + (k))
#define BY_COLUMNS(r, k) ((k)*stride + (r))
#define DEFINE_TILE(NAME, AT, MR, NV)                                                                        \
    static void NAME##_##MR##_##NV(int64_t K, const float *a, int64_t stride, const float *panel,            \
                                   float *out)                                                               \
    {                                                                                                        \
        vec sum[MR][NV];                                                                                     \
        UNROLL                                                                                               \
        for (int r = 0; r < MR; r++) UNROLL                                                                  \
        for (int v = 0; v < NV; v++) sum[r][v] = v_set(0.0f);                                                \
        for (int64_t k = 0; k < K; k++, panel += NV * V) {                                                   \
            vec w[NV];                                                                                       \
            UNROLL                                                                                           \
            for (int v = 0; v < NV; v++) w[v] = v_load(panel + v * V);                                       \
            UNROLL                                                                                           \
            for (int r = 0; r < MR; r++) {                                                                   \
                const vec x = v_set(a[AT(r, k)]);                                                            \
                UNROLL                                                                                       \
                for (int v = 0; v < NV; v++) sum[r][v] = v_fma(x, w[v], sum[r][v]);                          \
            }                                                                                                \
        }                                                                                                    \
        UNROLL                                                                                               \
        for (int r = 0; r < MR; r++) UNROLL                                                                  \
        for (int v = 0; v < NV; v++) v_store(out + (r * NV + v) * V, sum[r][v]);                             \
    }
#define DEFINE_TILES(MR)                                                                                     \
    DEFINE_TILE(tile, BY_ROWS, MR, 1)                                                                        \
    DEFINE_TILE(tile, BY_ROWS, MR, 2)                                                                        \
    DEFINE_TILE(tile, BY_ROWS, MR, 3)                                                                        \
    DEFINE_TILE(tile, BY_ROWS, MR, 4)                                                                        \
    DEFINE_TILE(turned, BY_COLUMNS, MR, 1)                                                                   \
    DEFINE_TILE(turned, BY_COLUMNS, MR, 2)                                                                   \
    DEFINE_TILE(turned, BY_COLUMNS, MR, 3)                                                                   \
    DEFINE_TILE(turned, BY_COLUMNS, MR, 4)
DEFINE_TILES(1)
DEFINE_TILES(2)
DEFINE_TILES(3)
DEFINE_TILES(4)
DEFINE_TILES(5)
DEFINE_TILES(6)
DEFINE_TILES(7)
DEFINE_TILES(8)

typedef void (*tile_function)(int64_t, const float *, int64_t, const float *, float *);
#define TILES(NAME, MR)                                                                                      \
    {                                                                                                        \
        NAME##_##MR##_1, NAME##_##MR##_2, NAME##_##MR##_3, NAME##_##MR##_4                                   \
    }
#define ALL_TILES(NAME)                                                                                      \
    {                                                                                                        \
        TILES(NAME, 1), TILES(NAME, 2), TILES(NAME, 3), TILES(NAME, 4), TILES(NAME, 5), TILES(NAME, 6),      \
            TILES(NAME, 7), TILES(NAME, 8)                                                                   \
    }
static const tile_function tiles[8][4] = ALL_TILES(tile), turned_tiles[8][4] = ALL_TILES(turned);
/* How many rows a tile of 1 to 4 vectors may have, so that its results fit into the registers. */
static const int tile_rows[4] = TILE_ROWS;

/* Columns of a panel that begins at column `first`: up to PANEL vectors, the last one filled up with zeros.
 */
static int64_t panel_width(int64_t columns, int64_t first)
{
    return (MIN(columns - first, PANEL * V) + V - 1) / V * V;
}

static int64_t packed_size(int64_t K, int64_t columns) { return K * ((columns + V - 1) / V * V); }

/* Puts a row of a matrix (K, columns) into its panels. */
static INLINE void place(const float *row, int64_t k, int64_t K, int64_t columns, float *packed)
{
    for (int64_t first = 0; first < columns; first += PANEL * V) {
        float *to = packed + K * first + k * panel_width(columns, first);
        FOR_EACH_UNIT (j, n, MIN(columns - first, PANEL * V)) v_store(to + j, LOAD(row + first + j));
    }
}

/* Lays out a matrix (K, columns) in panels, and the transpose of one (columns, K). */
static void pack(const float *w, int64_t K, int64_t columns, float *packed)
{
    for (int64_t k = 0; k < K; k++) place(w + k * columns, k, K, columns, packed);
}
static void pack_turned(const float *w, int64_t K, int64_t columns, float *packed)
{
    for (int64_t first = 0; first < columns; first += PANEL * V) {
        const int64_t n = MIN(columns - first, PANEL * V), width = panel_width(columns, first);
        for (int64_t k = 0; k < K; k++, packed += width) {
            for (int64_t j = 0; j < n; j++) packed[j] = w[(first + j) * K + k];
            for (int64_t j = n; j < width; j++) packed[j] = 0.0f;
        }
    }
}

/* out (rows, columns) = or += what a tile gave. */
static INLINE void put(const float *sum, int64_t rows, int64_t columns, float *out, int64_t stride, int adds)
{
    const int64_t nv = (columns + V - 1) / V;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t v = 0; v < nv; v++) {
            const int n = (int)MIN(columns - v * V, V);
            float *place = out + r * stride + v * V;
            const vec s = v_load(sum + (r * nv + v) * V);
            v_store_n(place, adds ? v_add(s, v_load_n(place, n)) : s, n);
        }
}

/* out (rows, columns) = or += a (rows, K) times a packed matrix (K, columns), with strides between rows. */
static void multiply(int64_t rows, int64_t K, const float *a, int64_t a_stride, const float *packed,
                     int64_t columns, float *out, int64_t out_stride, int adds)
{
    float sum[8 * PANEL * V];
    for (int64_t first = 0; first < columns; first += PANEL * V) {
        const int64_t width = panel_width(columns, first), nv = width / V, most = tile_rows[nv - 1];
        for (int64_t r0 = 0; r0 < rows; r0 += most) {
            const int64_t block = MIN(rows - r0, most);
            tiles[block - 1][nv - 1](K, a + r0 * a_stride, a_stride, packed + K * first, sum);
            put(sum, block, MIN(columns - first, PANEL * V), out + r0 * out_stride + first, out_stride, adds);
        }
    }
}

/* out (rows, columns) = the transpose of a (S, rows), with a stride between its rows, times a packed matrix
 * (S, columns); a thread's share of the rows. */
static void multiply_turned(int64_t S, int64_t rows, const float *a, int64_t a_stride, const float *packed,
                            int64_t columns, float *out, int64_t thread, int64_t n_threads)
{
    if (columns == 0) return;
    const int64_t begin = rows * thread / n_threads, end = rows * (thread + 1) / n_threads;
    const int64_t most = tile_rows[MIN(panel_width(columns, 0) / V, PANEL) - 1];
    float sum[8 * PANEL * V], parts[64 * CHUNK];
    for (int64_t s = 0; s < S; s += CHUNK) {
        const int64_t K = MIN(S - s, CHUNK);
        for (int64_t g = begin; g < end; g += 8 * most) {
            const int64_t group = MIN(end - g, 8 * most);
            const float *left = a + s * a_stride + g;
            const int is_wide = columns > PANEL * V;
            if (is_wide) /* read for each panel: far apart, entries drive each other out of cache */
                for (int64_t k = 0; k < K; k++)
                    for (int64_t r = 0; r < group; r++) parts[k * group + r] = left[k * a_stride + r];
            for (int64_t r0 = 0; r0 < group; r0 += most) {
                const int64_t block = MIN(group - r0, most);
                for (int64_t first = 0; first < columns; first += PANEL * V) {
                    const int64_t width = panel_width(columns, first);
                    const float *panel = packed + S * first + s * width;
                    if (is_wide)
                        turned_tiles[block - 1][width / V - 1](K, parts + r0, group, panel, sum);
                    else
                        turned_tiles[block - 1][width / V - 1](K, left + r0, a_stride, panel, sum);
                    put(sum, block, MIN(columns - first, PANEL * V), out + (g + r0) * columns + first,
                        columns, s > 0);
                }
            }
        }
    }
}

/* ---- One row of one step; `at` is its entry among all steps ---- */

static INLINE void elman_row(const struct call *c, const float *x, int64_t at)
{
    const int64_t H = c->hidden;
    float *out = c->out + at * H;
    FOR_EACH_UNIT (u, n, H)
        STORE(out + u, activate(c->activation, v_add(v_add(LOAD(out + u), LOAD(c->bias + u)), LOAD(x + u))));
}

static INLINE void elman_row_back(const struct call *c, int64_t at, int64_t row)
{
    const int64_t H = c->hidden;
    FOR_EACH_UNIT (u, n, H) {
        const vec grad = v_add(LOAD(c->grad_state + row * H + u), LOAD(c->grad_out + at * H + u));
        STORE(c->grad_gates + at * H + u, v_mul(grad, slope(c->activation, LOAD(c->out + at * H + u))));
    }
}

static INLINE void lstm_row(const struct call *c, float *row_gates, int64_t at, int64_t row)
{
    const int64_t H = c->hidden;
    FOR_EACH_UNIT (u, n, H) {
        float *gates = row_gates + u, *state = c->cell_state + row * H + u;
        const float *bias = c->bias + u;
        const vec i = vec_sigmoid(v_add(LOAD(gates), LOAD(bias)));
        const vec f = vec_sigmoid(v_add(LOAD(gates + H), LOAD(bias + H)));
        const vec g = vec_tanh(v_add(LOAD(gates + 2 * H), LOAD(bias + 2 * H)));
        const vec o = vec_sigmoid(v_add(LOAD(gates + 3 * H), LOAD(bias + 3 * H)));
        const vec next = v_fma(f, LOAD(state), v_mul(i, g));
        STORE(state, next);
        STORE(c->out + at * H + u, v_mul(o, vec_tanh(next)));
        if (c->cell_out) { /* wanted on the way back */
            STORE(gates, i), STORE(gates + H, f), STORE(gates + 2 * H, g), STORE(gates + 3 * H, o);
            STORE(c->cell_out + at * H + u, next);
        }
    }
}

static INLINE void lstm_row_back(const struct call *c, int64_t at, int64_t row, const float *cell_before)
{
    const int64_t H = c->hidden;
    const vec one = v_set(1.0f);
    FOR_EACH_UNIT (u, n, H) {
        const float *gates = c->gates + at * 4 * H + u;
        float *grad_gates = c->grad_gates + at * 4 * H + u, *grad_cell = c->grad_cell_state + row * H + u;
        const vec i = LOAD(gates), f = LOAD(gates + H), g = LOAD(gates + 2 * H), o = LOAD(gates + 3 * H);
        const vec tanh_cell = vec_tanh(LOAD(c->cell_out + at * H + u));
        const vec grad_h = v_add(LOAD(c->grad_state + row * H + u), LOAD(c->grad_out + at * H + u));
        vec grad_c = LOAD(grad_cell);
        if (c->grad_cell_out) grad_c = v_add(grad_c, LOAD(c->grad_cell_out + at * H + u));
        grad_c = v_fma(v_mul(grad_h, o), v_fnma(tanh_cell, tanh_cell, one), grad_c);
        STORE(grad_gates, v_mul(v_mul(grad_c, g), v_fnma(i, i, i)));
        STORE(grad_gates + H, v_mul(v_mul(grad_c, LOAD(cell_before + u)), v_fnma(f, f, f)));
        STORE(grad_gates + 2 * H, v_mul(v_mul(grad_c, i), v_fnma(g, g, one)));
        STORE(grad_gates + 3 * H, v_mul(v_mul(grad_h, tanh_cell), v_fnma(o, o, o)));
        STORE(grad_cell, v_mul(grad_c, f));
    }
}

static INLINE void gru_row(const struct call *c, float *row_gates, float *row_n, int64_t at,
                           const float *h_before)
{
    const int64_t H = c->hidden;
    FOR_EACH_UNIT (u, n, H) {
        float *gates = row_gates + u, *recurrent_n = row_n + u;
        const float *bias = c->bias + u;
        const vec r = vec_sigmoid(v_add(LOAD(gates), LOAD(bias)));
        const vec z = vec_sigmoid(v_add(LOAD(gates + H), LOAD(bias + H)));
        const vec q = v_add(LOAD(recurrent_n), LOAD(bias + 2 * H));
        const vec candidate = vec_tanh(v_fma(r, q, LOAD(gates + 2 * H)));
        STORE(c->out + at * H + u, v_fma(z, LOAD(h_before + u), v_fnma(z, candidate, candidate)));
        STORE(gates, r), STORE(gates + H, z), STORE(gates + 2 * H, candidate), STORE(recurrent_n, q);
    }
}

/* The gradients of n behind the reset gate, of r, of z and of n before it: the first three belong to the
 * recurrent side, the last three to the input's. */
static INLINE void gru_row_back(const struct call *c, int64_t at, int64_t row, const float *h_before)
{
    const int64_t H = c->hidden;
    const vec one = v_set(1.0f);
    FOR_EACH_UNIT (u, n, H) {
        const float *gates = c->gates + at * 3 * H + u;
        float *grad_gates = c->grad_gates + at * 4 * H + u, *grad_state = c->grad_state + row * H + u;
        const vec r = LOAD(gates), z = LOAD(gates + H), candidate = LOAD(gates + 2 * H);
        const vec q = LOAD(c->recurrent_n + at * H + u), h = LOAD(h_before + u);
        const vec grad_h = v_add(LOAD(grad_state), LOAD(c->grad_out + at * H + u));
        const vec grad_n = v_mul(v_mul(grad_h, v_sub(one, z)), v_fnma(candidate, candidate, one));
        STORE(grad_gates, v_mul(grad_n, r));
        STORE(grad_gates + H, v_mul(v_mul(grad_n, q), v_fnma(r, r, r)));
        STORE(grad_gates + 2 * H, v_mul(v_mul(grad_h, v_sub(h, candidate)), v_fnma(z, z, z)));
        STORE(grad_gates + 3 * H, grad_n);
        STORE(grad_state, v_mul(grad_h, z)); /* to which the next product is added */
    }
}

/* A Jordan network's scores (K,) and its answer, which is fed back. */
static void answer_row(const struct call *c, int64_t at)
{
    const int64_t K = c->n_outputs;
    float *scores = c->scores + at * K, *y = c->answers + at * K;
    float most = -INFINITY, total = 0.0f;
    FOR_EACH_UNIT (k, n, K) STORE(scores + k, v_add(LOAD(scores + k), LOAD(c->bias_out + k)));
    if (c->feedback != SOFTMAX) {
        FOR_EACH_UNIT (k, n, K) STORE(y + k, activate(c->feedback, LOAD(scores + k)));
        return;
    }
    for (int64_t k = 0; k < K; k++) most = scores[k] > most ? scores[k] : most;
    FOR_EACH_UNIT (k, n, K) STORE(y + k, vec_exp_of_negative(v_sub(LOAD(scores + k), v_set(most))));
    for (int64_t k = 0; k < K; k++) total += y[k];
    FOR_EACH_UNIT (k, n, K) STORE(y + k, v_div(LOAD(y + k), v_set(total)));
}

/* Turns the gradient of the answer, in grad_scores, into that of the scores. */
static void answer_row_back(const struct call *c, int64_t at)
{
    const int64_t K = c->n_outputs;
    const float *y = c->answers + at * K;
    float *grad = c->grad_scores + at * K, mean = 0.0f;
    if (c->grad_answers)
        FOR_EACH_UNIT (k, n, K) STORE(grad + k, v_add(LOAD(grad + k), LOAD(c->grad_answers + at * K + k)));
    if (c->feedback == SOFTMAX)
        for (int64_t k = 0; k < K; k++) mean += grad[k] * y[k];
    FOR_EACH_UNIT (k, n, K) {
        const vec factor = c->feedback == SOFTMAX ? LOAD(y + k) : slope(c->feedback, LOAD(y + k));
        STORE(grad + k, v_fma(v_sub(LOAD(grad + k), v_set(mean)), factor, LOAD(c->grad_out + at * K + k)));
    }
}

/* The gradient of a Jordan network's hidden unit, in grad_gates, becomes that of its input. */
static void hidden_row_back(const struct call *c, int64_t at)
{
    const int64_t H = c->hidden;
    float *grad = c->grad_gates + at * H;
    FOR_EACH_UNIT (u, n, H)
        STORE(grad + u, v_mul(LOAD(grad + u), slope(c->activation, LOAD(c->out + at * H + u))));
}

/* ---- Before the first step ---- */

static int64_t fed_width(const struct call *c) { return c->cell == JORDAN ? c->n_outputs : c->hidden; }
static int64_t gates_width(const struct call *c)
{
    return c->hidden * (c->cell == LSTM ? 4 : c->cell == GRU ? 3 : 1);
}

static int64_t take(float *work, int64_t used, int64_t n, float **part)
{
    *part = work ? work + used : NULL;
    return used + n;
}

static int64_t lay_out(struct call *c, int is_back)
{
    const int64_t H = c->hidden, K = c->n_outputs, d = c->n_inputs, S = c->n_entries, B = c->sizes[0];
    const int64_t F = fed_width(c), G = gates_width(c);
    int64_t n = 0;
    if (is_back) {
        n = take(c->work, n, packed_size(G, F), &c->packed);
        n = take(c->work, n, packed_size(S, F), &c->before);
        if (c->cell == JORDAN) {
            n = take(c->work, n, packed_size(K, H), &c->packed_2);
            n = take(c->work, n, packed_size(S, H), &c->packed_hidden);
        }
        if (c->inputs) n = take(c->work, n, packed_size(S, d), &c->packed_inputs);
        if (c->tokens) n = take(c->work, n, d * G, &c->by_token);
        return n;
    }
    n = take(c->work, n, packed_size(F, c->cell == GRU ? 2 * H : G), &c->packed);
    if (c->cell == GRU) n = take(c->work, n, packed_size(H, H), &c->packed_2);
    if (c->cell == JORDAN) n = take(c->work, n, packed_size(H, K), &c->packed_2);
    if (c->inputs) n = take(c->work, n, packed_size(d, G), &c->packed_ih);
    if (!c->gates) n = take(c->work, n, B * G, &c->step_gates);
    if (c->cell == GRU && !c->recurrent_n) n = take(c->work, n, B * H, &c->step_n);
    return n;
}

static void prepare(const struct call *c, int is_back)
{
    const int64_t H = c->hidden, K = c->n_outputs, F = fed_width(c), G = gates_width(c);
    if (is_back && c->cell == GRU) { /* in the order of gru_row_back: n, r, z */
        for (int64_t k = 0; k < G; k++) place(c->weight + (k + 2 * H) % G * H, k, G, H, c->packed);
    } else if (is_back) {
        pack(c->weight, G, F, c->packed);
        if (c->cell == JORDAN) pack(c->weight_out, K, H, c->packed_2);
    } else {
        pack_turned(c->weight, F, c->cell == GRU ? 2 * H : G, c->packed);
        if (c->cell == GRU) pack_turned(c->weight + 2 * H * H, H, H, c->packed_2);
        if (c->cell == JORDAN) pack_turned(c->weight_out, H, K, c->packed_2);
        if (c->inputs) pack_turned(c->weight_ih, c->n_inputs, G, c->packed_ih);
    }
}

/* ---- All steps of the rows of one thread ---- */

/* The row that a thread's rows begin at. Each thread has a block of rows, with about as many entries as the
 * others: if the rows of two threads took turns, each core would fetch ahead what the other writes. */
static int64_t first_row(const struct call *c, int64_t thread, int64_t n_threads)
{
    int64_t low = 0, high = c->sizes[0];
    while (low < high) { /* looks for the first row with enough entries before it */
        const int64_t row = (low + high) / 2;
        int64_t n = 0;
        for (int64_t t = 0; t < c->n_steps; t++) n += MIN(c->sizes[t], row);
        if (n < c->n_entries * thread / n_threads)
            low = row + 1;
        else
            high = row;
    }
    return low;
}

static void forward(const void *job, int64_t thread, int64_t n_threads)
{
    const struct call *c = job;
    const int64_t H = c->hidden, K = c->n_outputs, d = c->n_inputs, G = gates_width(c);
    const int64_t begin = first_row(c, thread, n_threads), end = first_row(c, thread + 1, n_threads);
    const float *before = c->state; /* what is fed back: h, or Jordan's y */
    int64_t start = 0;
    for (int64_t t = 0; t < c->n_steps; start += c->sizes[t], t++) {
        const int64_t rows = MIN(c->sizes[t], end) - begin, first = start + begin;
        if (rows <= 0) return;
        float *gates = c->gates ? c->gates + first * G : c->step_gates + begin * G;
        if (c->inputs) {
            for (int64_t r = 0; r < rows; r++)
                FOR_EACH_UNIT (j, n, G) STORE(gates + r * G + j, LOAD(c->bias_ih + j));
            multiply(rows, d, c->inputs + first * d, d, c->packed_ih, G, gates, G, 1);
        }
        if (c->cell == ELMAN) {
            multiply(rows, H, before + begin * H, H, c->packed, H, c->out + first * H, H, 0);
            for (int64_t r = 0; r < rows; r++) elman_row(c, gates + r * G, first + r);
        } else if (c->cell == LSTM) {
            multiply(rows, H, before + begin * H, H, c->packed, G, gates, G, 1);
            for (int64_t r = 0; r < rows; r++) lstm_row(c, gates + r * G, first + r, begin + r);
        } else if (c->cell == GRU) {
            float *n = c->recurrent_n ? c->recurrent_n + first * H : c->step_n + begin * H;
            multiply(rows, H, before + begin * H, H, c->packed, 2 * H, gates, G, 1);
            multiply(rows, H, before + begin * H, H, c->packed_2, H, n, H, 0);
            for (int64_t r = 0; r < rows; r++)
                gru_row(c, gates + r * G, n + r * H, first + r, before + (begin + r) * H);
        } else {
            multiply(rows, K, before + begin * K, K, c->packed, H, c->out + first * H, H, 0);
            for (int64_t r = 0; r < rows; r++) elman_row(c, gates + r * G, first + r);
            multiply(rows, H, c->out + first * H, H, c->packed_2, K, c->scores + first * K, K, 0);
            for (int64_t r = 0; r < rows; r++) answer_row(c, first + r);
        }
        before = c->cell == JORDAN ? c->answers + start * K : c->out + start * H;
    }
}

static void backward(const void *job, int64_t thread, int64_t n_threads)
{
    const struct call *c = job;
    const int64_t H = c->hidden, K = c->n_outputs;
    const int64_t begin = first_row(c, thread, n_threads), end = first_row(c, thread + 1, n_threads);
    /* Numbers at a step that have a gradient, and how many of them the state went into. */
    const int64_t width = c->cell == LSTM || c->cell == GRU ? 4 * H : H,
                  n_back = c->cell == GRU ? 3 * H : width;
    const int64_t fed = fed_width(c);
    int64_t start = 0, going_on = 0; /* rows that go on after the step */
    for (int64_t t = 0; t < c->n_steps; t++) start += c->sizes[t];
    for (int64_t t = c->n_steps - 1; t >= 0; t--) {
        const int64_t after = start, size_before = t > 0 ? c->sizes[t - 1] : 0;
        start -= c->sizes[t];
        const int64_t rows = MAX(MIN(c->sizes[t], end) - begin, 0), first = start + begin;
        const float *fed_out = c->cell == JORDAN ? c->answers : c->out;
        const float *fed_before = t > 0 ? fed_out + (start - size_before) * fed : c->state;
        float *grad_fed = c->cell == JORDAN ? c->grad_scores + first * K : c->grad_state + begin * H;
        multiply(going_on, n_back, c->grad_gates + (after + begin) * width, width, c->packed, fed, grad_fed,
                 fed, c->cell == GRU);
        for (int64_t r = 0; r < rows; r++) {
            const int64_t at = first + r, row = begin + r;
            place(fed_before + row * fed, at, c->n_entries, fed, c->before);
            if (c->inputs)
                place(c->inputs + at * c->n_inputs, at, c->n_entries, c->n_inputs, c->packed_inputs);
            if (c->cell == JORDAN) place(c->out + at * H, at, c->n_entries, H, c->packed_hidden);
            if (c->cell == ELMAN)
                elman_row_back(c, at, row);
            else if (c->cell == LSTM)
                lstm_row_back(c, at, row,
                              t > 0 ? c->cell_out + (at - size_before) * H : c->cell_start + row * H);
            else if (c->cell == GRU)
                gru_row_back(c, at, row, fed_before + row * H);
            else
                answer_row_back(c, at);
        }
        if (c->cell == JORDAN) {
            multiply(rows, K, c->grad_scores + first * K, K, c->packed_2, H, c->grad_gates + first * H, H, 0);
            for (int64_t r = 0; r < rows; r++) hidden_row_back(c, first + r);
        }
        going_on = rows;
    }
    /* What is left is the gradient of the state before the first step. */
    multiply(going_on, n_back, c->grad_gates + begin * width, width, c->packed, fed,
             c->grad_state + begin * fed, fed, c->cell == GRU);
}

/* ---- The gradients of weights and biases, each row of which is one thread's ---- */

/* The columns of which a thread takes the sums: whole vectors. */
static int64_t first_column(int64_t columns, int64_t thread, int64_t n_threads)
{
    return MIN((columns + V - 1) / V * thread / n_threads * V, columns);
}

/* Adds up the rows of a (S, columns), with a stride between them; a thread's share of the columns. Some
 * vectors go side by side: what lies together is read together. */
static void sum_entries(int64_t S, int64_t columns, const float *a, int64_t stride, float *out,
                        int64_t thread, int64_t n_threads)
{
    const int64_t begin = first_column(columns, thread, n_threads),
                  end = first_column(columns, thread + 1, n_threads);
    for (int64_t first = begin; first < end; first += 8 * V) {
        const int64_t width = MIN(end - first, 8 * V);
        vec sum[8], part[8];
        for (int i = 0; i < 8; i++) sum[i] = v_set(0.0f);
        for (int64_t s0 = 0; s0 < S; s0 += CHUNK) {
            for (int i = 0; i < 8; i++) part[i] = v_set(0.0f);
            for (int64_t s = s0; s < MIN(s0 + CHUNK, S); s++) {
                const float *row = a + s * stride + first;
                if (width == 8 * V) {
                    UNROLL
                    for (int i = 0; i < 8; i++) part[i] = v_add(part[i], v_load(row + i * V));
                } else {
                    FOR_EACH_UNIT (u, n, width) part[u / V] = v_add(part[u / V], LOAD(row + u));
                }
            }
            for (int i = 0; i < 8; i++) sum[i] = v_add(sum[i], part[i]);
        }
        FOR_EACH_UNIT (u, n, width) STORE(out + first + u, sum[u / V]);
    }
}

/* The gradient of weights (G, d) that a token chooses a column of; a thread's share of the rows. */
static void token_gradients(const struct call *c, const float *grad, int64_t width, int64_t thread,
                            int64_t n_threads)
{
    const int64_t d = c->n_inputs, G = gates_width(c);
    const int64_t begin = first_column(G, thread, n_threads), end = first_column(G, thread + 1, n_threads),
                  units = end - begin;
    float *sums = c->by_token + begin;
    for (int64_t token = 0; token < d; token++)
        FOR_EACH_UNIT (u, n, units) STORE(sums + token * G + u, v_set(0.0f));
    for (int64_t s = 0; s < c->n_entries; s++) {
        const float *from = grad + s * width + begin;
        float *to = sums + c->tokens[s] * G;
        FOR_EACH_UNIT (u, n, units) STORE(to + u, v_add(LOAD(to + u), LOAD(from + u)));
    }
    for (int64_t first = 0; first < d; first += V) /* some columns at a time, which stay in the cache */
        for (int64_t u = begin; u < end; u++)
            for (int64_t token = first; token < MIN(first + V, d); token++)
                c->grad_weight_ih[u * d + token] = c->by_token[token * G + u];
}

static void weight_gradients(const void *job, int64_t thread, int64_t n_threads)
{
    const struct call *c = job;
    const int64_t H = c->hidden, K = c->n_outputs, S = c->n_entries, F = fed_width(c), G = gates_width(c);
    const int64_t width = c->cell == GRU ? 4 * H : G;
    const float *grad = c->grad_gates, *grad_ih = c->cell == GRU ? grad + H : grad;
    if (c->cell == GRU) { /* n, r, z, n become r, z, n */
        multiply_turned(S, 2 * H, grad + H, width, c->before, H, c->grad_weight, thread, n_threads);
        multiply_turned(S, H, grad, width, c->before, H, c->grad_weight + 2 * H * H, thread, n_threads);
    } else {
        multiply_turned(S, G, grad, width, c->before, F, c->grad_weight, thread, n_threads);
    }
    if (c->inputs)
        multiply_turned(S, G, grad_ih, width, c->packed_inputs, c->n_inputs, c->grad_weight_ih, thread,
                        n_threads);
    if (c->tokens) token_gradients(c, grad_ih, width, thread, n_threads);
    if (c->cell == JORDAN)
        multiply_turned(S, K, c->grad_scores, K, c->packed_hidden, H, c->grad_weight_out, thread, n_threads);
    sum_entries(S, G, grad_ih, width, c->grad_bias_ih, thread, n_threads);
    if (c->cell == JORDAN) sum_entries(S, K, c->grad_scores, K, c->grad_bias_out, thread, n_threads);
    /* On the recurrent side the sums are the same, but for n behind the reset gate. */
    const int64_t same = c->cell == GRU ? 2 * H : G;
    const int64_t begin = MIN(first_column(G, thread, n_threads), same),
                  end = MIN(first_column(G, thread + 1, n_threads), same);
    memcpy(c->grad_bias + begin, c->grad_bias_ih + begin, (size_t)(end - begin) * sizeof(float));
    if (c->cell == GRU) sum_entries(S, H, grad, width, c->grad_bias + 2 * H, thread, n_threads);
}

/* ---- The output layer and its loss ---- */

static int64_t lay_out_readout(struct readout *o)
{
    const int64_t n = o->n, H = o->n_features, K = o->n_scores;
    int64_t size = 2 * n; /* of the losses, in floats */
    o->losses = (double *)o->work;
    size = take(o->work, size, n * K, &o->grad_scores);
    size = take(o->work, size, packed_size(H, K), &o->packed);
    size = take(o->work, size, packed_size(K, H), &o->packed_back);
    return take(o->work, size, packed_size(n, H), &o->packed_features);
}

static void prepare_readout(const struct readout *o)
{
    pack_turned(o->weight, o->n_features, o->n_scores, o->packed);
    pack(o->weight, o->n_scores, o->n_features, o->packed_back);
}

/* The loss of a row of scores and its gradient. */
static double row_loss(const struct readout *o, int64_t i)
{
    const int64_t K = o->n_scores, target = o->targets[i];
    float *scores = o->scores + i * K, *grad = o->grad_scores + i * K, most = -INFINITY, total = 0.0f;
    if (target < 0 || target >= K) return (double)NAN;
    FOR_EACH_UNIT (k, n, K) STORE(scores + k, v_add(LOAD(scores + k), LOAD(o->bias + k)));
    for (int64_t k = 0; k < K; k++) most = scores[k] > most ? scores[k] : most;
    FOR_EACH_UNIT (k, n, K) STORE(grad + k, vec_exp_of_negative(v_sub(LOAD(scores + k), v_set(most))));
    for (int64_t k = 0; k < K; k++) total += grad[k];
    const float importance = o->importance ? o->importance[i] : 1.0f, share = importance / (float)o->n;
    FOR_EACH_UNIT (k, n, K) STORE(grad + k, v_mul(LOAD(grad + k), v_set(share / total)));
    grad[target] -= share;
    return importance * (log((double)total) - ((double)scores[target] - (double)most));
}

/* Scores, losses and the gradients of the features, of a thread's rows. */
static void read_out(const void *job, int64_t thread, int64_t n_threads)
{
    const struct readout *o = job;
    const int64_t H = o->n_features, K = o->n_scores;
    const int64_t begin = o->n * thread / n_threads, rows = o->n * (thread + 1) / n_threads - begin;
    const float *features = o->features + begin * H;
    multiply(rows, H, features, H, o->packed, K, o->scores + begin * K, K, 0);
    for (int64_t i = begin; i < begin + rows; i++) {
        o->losses[i] = row_loss(o, i);
        place(o->features + i * H, i, o->n, H, o->packed_features);
    }
    multiply(rows, K, o->grad_scores + begin * K, K, o->packed_back, H, o->grad_features + begin * H, H, 0);
}

/* The gradients of the weight, each row of which is one thread's, and of the bias. */
static void readout_gradients(const void *job, int64_t thread, int64_t n_threads)
{
    const struct readout *o = job;
    const int64_t n = o->n, H = o->n_features, K = o->n_scores;
    multiply_turned(n, K, o->grad_scores, K, o->packed_features, H, o->grad_weight, thread, n_threads);
    sum_entries(n, K, o->grad_scores, K, o->grad_bias, thread, n_threads);
}

/* ---- Rows, each of which is computed in one order ---- */

/* out (MR, K) = the dot products of MR rows of x (MR, H) with the K of a weight (K, H), plus a bias (K). */
#define DOTS 4
#define ADD_DOTS(MR, READ)                                                                                   \
    {                                                                                                        \
        vec b[MR];                                                                                           \
        UNROLL                                                                                               \
        for (int r = 0; r < MR; r++) b[r] = READ(x + r * H + h);                                             \
        UNROLL                                                                                               \
        for (int j = 0; j < DOTS; j++) {                                                                     \
            const vec a = READ((j == 0 ? w0 : j == 1 ? w1 : j == 2 ? w2 : w3) + h);                          \
            UNROLL                                                                                           \
            for (int r = 0; r < MR; r++) sum[r][j] = v_fma(b[r], a, sum[r][j]);                              \
        }                                                                                                    \
    }
#define DEFINE_DOTS(MR)                                                                                      \
    static void dots_##MR(int64_t H, const float *x, int64_t K, const float *weight, const float *bias,      \
                          float *out, int64_t stride)                                                        \
    {                                                                                                        \
        for (int64_t k = 0; k < K; k += DOTS) {                                                              \
            const int64_t n_dots = MIN(K - k, DOTS), last = n_dots - 1;                                      \
            const float *w0 = weight + k * H, *w1 = w0 + MIN(1, last) * H, *w2 = w0 + MIN(2, last) * H,      \
                        *w3 = w0 + last * H;                                                                 \
            float sums[DOTS];                                                                                \
            vec sum[MR][DOTS];                                                                               \
            int64_t h = 0;                                                                                   \
            UNROLL                                                                                           \
            for (int r = 0; r < MR; r++) UNROLL                                                              \
            for (int j = 0; j < DOTS; j++) sum[r][j] = v_set(0.0f);                                          \
            for (; h + V <= H; h += V) ADD_DOTS(MR, v_load)                                                  \
            if (h < H) {                                                                                     \
                const int64_t n = H - h;                                                                     \
                ADD_DOTS(MR, LOAD)                                                                           \
            }                                                                                                \
            UNROLL                                                                                           \
            for (int r = 0; r < MR; r++) {                                                                   \
                float *to = out + r * stride + k;                                                            \
                v_store_sums(sums, sum[r][0], sum[r][1], sum[r][2], sum[r][3]);                              \
                if (n_dots == DOTS)                                                                          \
                    for (int j = 0; j < DOTS; j++) to[j] = sums[j] + bias[k + j];                            \
                else                                                                                         \
                    for (int64_t j = 0; j < n_dots; j++) to[j] = sums[j] + bias[k + j];                      \
            }                                                                                                \
        }                                                                                                    \
    }
DEFINE_DOTS(1)
DEFINE_DOTS(2)
DEFINE_DOTS(3)
#if DOT_ROWS > 3
DEFINE_DOTS(4)
DEFINE_DOTS(5)
DEFINE_DOTS(6)
#endif
typedef void (*dots_function)(int64_t, const float *, int64_t, const float *, const float *, float *,
                              int64_t);
static const dots_function dots[DOT_ROWS] = {dots_1, dots_2, dots_3,
#if DOT_ROWS > 3
                                             dots_4, dots_5, dots_6
#endif
};

/* Some rows and columns of a linear layer. */
static void linear_part(const struct rows *o, int64_t group, int64_t row, int64_t last_row, int64_t column,
                        int64_t last_column)
{
    const int64_t H = o->width, K = o->n_outputs, some = MAX(DOTS, 4096 / (H + 1) / DOTS * DOTS);
    const float *x = o->x + group * o->n * H, *weight = o->weight + group * K * H;
    float *out = o->out + group * o->n * K;
    if (K < DOTS) { /* the two change places: a dot product is the same */
        static const float nothing[DOTS];
        float turned[DOTS * DOTS];
        for (; row < last_row; row += DOTS) {
            const int64_t rows = MIN(last_row - row, DOTS);
            dots[K - 1](H, weight, rows, x + row * H, nothing, turned, DOTS);
            for (int64_t r = 0; r < rows; r++)
                for (int64_t k = 0; k < K; k++) out[(row + r) * K + k] = turned[k * DOTS + r] + o->bias[k];
        }
        return;
    }
    for (; column < last_column; column += some) { /* whose weights stay in the cache */
        const int64_t columns = MIN(some, last_column - column);
        for (int64_t r = row; r < last_row; r += DOT_ROWS)
            dots[MIN(last_row - r, DOT_ROWS) - 1](H, x + r * H, columns, weight + column * H,
                                                  o->bias + column, out + r * K + column, K);
    }
}

/* out = x times the transpose of the weight, plus the bias. Threads share groups, rows or columns. */
static void linear(const void *job, int64_t thread, int64_t n_threads)
{
    const struct rows *o = job;
    const int64_t g = o->n_groups, n = o->n, K = o->n_outputs, next = thread + 1;
    if (g > 1)
        for (int64_t i = g * thread / n_threads; i < g * next / n_threads; i++) linear_part(o, i, 0, n, 0, K);
    else if (n >= K || K < DOTS)
        linear_part(o, 0, n * thread / n_threads, n * next / n_threads, 0, K);
    else
        linear_part(o, 0, 0, n, K * thread / n_threads, K * next / n_threads);
}

/* out = x times the weight: sums of the weight's rows. What is 0 adds nothing. */
static void mix(const void *job, int64_t thread, int64_t n_threads)
{
    const struct rows *o = job;
    const int64_t H = o->width, K = o->n_outputs, all = o->n_groups * o->n;
    for (int64_t i = all * thread / n_threads; i < all * (thread + 1) / n_threads; i++) {
        const float *x = o->x + i * H, *weight = o->weight + i / o->n * H * K;
        float *out = o->out + i * K;
        FOR_EACH_UNIT (k, n, K) STORE(out + k, v_set(0.0f));
        for (int64_t h = 0; h < H; h++)
            if (x[h] != 0.0f)
                FOR_EACH_UNIT (k, n, K)
                    STORE(out + k, v_fma(v_set(x[h]), LOAD(weight + h * K + k), LOAD(out + k)));
    }
}

static float largest_of(const float *x, int64_t H)
{
    float lanes[V], most = -INFINITY;
    vec largest = v_set(-INFINITY);
    int64_t h = 0;
    for (; h + V <= H; h += V) largest = v_max(largest, v_load(x + h));
    v_store(lanes, largest);
    for (int v = 0; v < V; v++) most = lanes[v] > most ? lanes[v] : most;
    for (; h < H; h++) most = x[h] > most ? x[h] : most;
    return most;
}

static float sum_row(const float *x, int64_t H)
{
    float sums[4];
    vec sum = v_set(0.0f);
    FOR_EACH_UNIT (h, n, H) sum = v_add(sum, LOAD(x + h));
    v_store_sums(sums, sum, sum, sum, sum);
    return sums[0];
}

/* The softmax of a row, or its logarithm; minus infinity behind its end changes nothing. */
static void normalize_row(int64_t function, const float *x, int64_t H, float *out)
{
    const float most = largest_of(x, H);
    FOR_EACH_UNIT (h, n, H) STORE(out + h, vec_exp_of_negative(v_sub(LOAD(x + h), v_set(most))));
    const float total = sum_row(out, H);
    if (function == SOFTMAX)
        FOR_EACH_UNIT (h, n, H) STORE(out + h, v_div(LOAD(out + h), v_set(total)));
    else
        FOR_EACH_UNIT (h, n, H) STORE(out + h, v_sub(v_sub(LOAD(x + h), v_set(most)), v_set(logf(total))));
}

static void normalize(const void *job, int64_t thread, int64_t n_threads)
{
    const struct rows *o = job;
    for (int64_t i = o->n * thread / n_threads; i < o->n * (thread + 1) / n_threads; i++)
        normalize_row(o->function, o->x + i * o->width, o->width, o->out + i * o->width);
}

/* A function of each number; EXP of what is not above 0. */
static void map(const void *job, int64_t thread, int64_t n_threads)
{
    const struct rows *o = job;
    const int64_t all = o->n * o->width, begin = all * thread / n_threads,
                  size = all * (thread + 1) / n_threads - begin;
    const float *x = o->x + begin;
    float *out = o->out + begin;
    if (o->function == EXP)
        FOR_EACH_UNIT (i, n, size) STORE(out + i, vec_exp_of_negative(LOAD(x + i)));
    else if (o->function == LOG)
        for (int64_t i = 0; i < size; i++) out[i] = logf(x[i]);
    else if (o->function == SOFTPLUS)
        for (int64_t i = 0; i < size; i++) out[i] = x[i] > 20.0f ? x[i] : log1pf(expf(x[i]));
    else
        FOR_EACH_UNIT (i, n, size) STORE(out + i, activate(o->function, LOAD(x + i)));
}

/* out_j = log sum_i exp(before_i + moves_ij), less the largest of them. */
static void pass_on(int64_t K, const float *before, const float *moves, float *out)
{
    FOR_EACH_UNIT (j, n, K) {
        vec largest = v_set(-FLT_MAX), sum = v_set(0.0f); /* not infinite, so that what is impossible is 0 */
        for (int64_t i = 0; i < K; i++)
            largest = v_max(v_add(v_set(before[i]), LOAD(moves + i * K + j)), largest);
        for (int64_t i = 0; i < K; i++)
            sum = v_add(sum, vec_exp_of_negative(
                                 v_sub(v_add(v_set(before[i]), LOAD(moves + i * K + j)), largest)));
        float sums[V];
        v_store(sums, sum);
        for (int64_t v = 0; v < n; v++) sums[v] = logf(sums[v]);
        STORE(out + j, v_add(largest, v_load_n(sums, n)));
    }
    const float most = largest_of(out, K);
    FOR_EACH_UNIT (j, n, K) STORE(out + j, v_sub(LOAD(out + j), v_set(most)));
}

/* Forward and backward through a thread's rows. `out` holds the logarithms of what comes from before. */
static void marginals(const void *job, int64_t thread, int64_t n_threads)
{
    const struct chain *c = job;
    const int64_t K = c->n_labels, *sizes = c->sizes;
    for (int64_t row = thread; row < sizes[0]; row += n_threads) {
        float *after = c->work + row * 2 * K, *here = after + K;
        int64_t at = row, t = 0;
        FOR_EACH_UNIT (k, n, K)
            STORE(c->out + at * K + k, v_add(LOAD(c->start + k), LOAD(c->scores + at * K + k)));
        for (; t + 1 < c->n_steps && sizes[t + 1] > row; at += sizes[t++]) {
            float *out = c->out + (at + sizes[t]) * K;
            pass_on(K, c->out + at * K, c->moves, out);
            FOR_EACH_UNIT (k, n, K)
                STORE(out + k, v_add(LOAD(out + k), LOAD(c->scores + (at + sizes[t]) * K + k)));
        }
        memcpy(after, c->end, (size_t)K * sizeof(float));
        for (;; at -= sizes[--t]) {
            float *out = c->out + at * K;
            FOR_EACH_UNIT (k, n, K) STORE(here + k, v_add(LOAD(out + k), LOAD(after + k)));
            normalize_row(SOFTMAX, here, K, out);
            if (t == 0) break;
            FOR_EACH_UNIT (k, n, K)
                STORE(here + k, v_add(LOAD(after + k), LOAD(c->scores + at * K + k)));
            pass_on(K, here, c->moves_back, after);
        }
    }
}

const struct loops LOOPS = {lay_out,         prepare,         forward,  backward,          weight_gradients,
                            lay_out_readout, prepare_readout, read_out, readout_gradients, linear,
                            mix,             normalize,       map,      marginals};
