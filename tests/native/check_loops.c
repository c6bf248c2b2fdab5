/* Checks of the compiled loops by themselves, made to run under AddressSanitizer and
 * UndefinedBehaviorSanitizer: every array is exactly as large as it has to be. `make test-native` builds and
 * runs it.
 *
 * What comes out is compared with plain loops in double precision; gradients with finite differences of
 * these.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recurrence.h"

int rnn_supports(int64_t set);
int64_t rnn_work_size(int64_t set, const struct call *call, int is_back);
void rnn_forward(int64_t set, struct call *call);
void rnn_backward(int64_t set, struct call *call);
int64_t rnn_readout_work_size(int64_t set, const struct readout *readout);
double rnn_read_out(int64_t set, struct readout *readout);
void rnn_rows(int64_t set, int64_t n_threads, int64_t what, int64_t function, int64_t n_groups, int64_t n,
              int64_t width, int64_t n_outputs, const float *x, const float *weight, const float *bias,
              float *out);
void rnn_marginals(int64_t set, int64_t n_threads, int64_t n_steps, int64_t n_labels, const int64_t *sizes,
                   const float *scores, const float *moves, const float *moves_back, const float *start,
                   const float *end, float *work, float *out);

/* ---- Random problems ---- */

static uint32_t seed = 1;
static float noise(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (float)(seed >> 8) / 8388608.0f - 1.0f;
}
static float *array(int64_t n, float scale)
{
    float *a = malloc((size_t)(n ? n : 1) * sizeof(float));
    for (int64_t i = 0; i < n; i++) a[i] = scale * noise();
    return a;
}
static float *zeros(int64_t n) { return calloc((size_t)(n ? n : 1), sizeof(float)); }

struct problem {
    int64_t cell, activation, feedback, B, T, H, K, S, G, d;
    int64_t *sizes;
    float *x, *w, *bias, *w_out, *bias_out, *h0, *c0, *g, *g_cell; /* x: the projections of */
    float *inputs, *w_ih, *bias_ih;
};

static struct problem draw(int64_t cell, int64_t activation, int64_t feedback, int64_t B, int64_t T,
                           int64_t H, int64_t K)
{
    struct problem p = {.cell = cell,
                        .activation = activation,
                        .feedback = feedback,
                        .B = B,
                        .T = T,
                        .H = H,
                        .K = K,
                        .G = cell == LSTM  ? 4
                             : cell == GRU ? 3
                                           : 1,
                        .d = 1 + (H + T) % 37};
    const int64_t fed = cell == JORDAN ? K : H;
    p.sizes = malloc((size_t)T * sizeof(int64_t));
    p.sizes[0] = B;
    for (int64_t t = 1; t < T; t++) {
        const int64_t fewer = p.sizes[t - 1] - (noise() > 0.3f ? 1 : 0);
        p.sizes[t] = fewer < 1 ? 1 : fewer;
    }
    for (int64_t t = 0; t < T; t++) p.S += p.sizes[t];
    const float scale = 1.0f / sqrtf((float)H);
    p.x = array(p.S * p.G * H, 1.0f), p.inputs = array(p.S * p.d, 1.0f), p.bias_ih = array(p.G * H, 0.3f);
    p.w_ih = array(p.G * H * p.d, 1.0f / sqrtf((float)p.d));
    for (int64_t s = 0; s < p.S; s++)
        for (int64_t j = 0; j < p.G * H; j++) {
            double x = p.bias_ih[j];
            for (int64_t i = 0; i < p.d; i++) x += (double)p.inputs[s * p.d + i] * p.w_ih[j * p.d + i];
            p.x[s * p.G * H + j] = (float)x;
        }
    p.w = array(p.G * H * fed, scale), p.bias = array(p.G * H, 0.3f);
    p.w_out = array(K * H, scale), p.bias_out = array(K, 0.3f), p.h0 = array(B * fed, 0.5f),
    p.c0 = array(B * H, 0.5f);
    p.g = array(p.S * fed, 1.0f), p.g_cell = array(p.S * H, 1.0f);
    return p;
}

static void drop(struct problem *p)
{
    float *all[] = {p->x,  p->w, p->bias,   p->w_out,  p->bias_out, p->h0,
                    p->c0, p->g, p->g_cell, p->inputs, p->w_ih,     p->bias_ih};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    free(p->sizes);
}

/* ---- Plain loops: the weighted sum of all outputs ---- */

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double apply(int64_t f, double x)
{
    return f == TANH ? tanh(x) : f == RELU ? (x > 0 ? x : 0) : f == SIGMOID ? sigmoid(x) : x;
}

static double plain(const struct problem *p, double *out)
{
    const int64_t H = p->H, K = p->K, fed = p->cell == JORDAN ? K : H;
    double *h = malloc((size_t)(p->B * fed) * sizeof(double)),
           *c = malloc((size_t)(p->B * H) * sizeof(double));
    double *a = malloc((size_t)(p->G * H) * sizeof(double)), *q = malloc((size_t)(p->G * H) * sizeof(double)),
           total = 0;
    for (int64_t i = 0; i < p->B * fed; i++) h[i] = p->h0[i];
    for (int64_t i = 0; i < p->B * H; i++) c[i] = p->c0[i];
    for (int64_t t = 0, at = 0; t < p->T; t++)
        for (int64_t row = 0; row < p->sizes[t]; row++, at++) {
            double *hr = h + row * fed, *cr = c + row * H;
            for (int64_t j = 0; j < p->G * H; j++) {
                q[j] = p->bias[j];
                for (int64_t k = 0; k < fed; k++) q[j] += (double)p->w[j * fed + k] * hr[k];
                a[j] = q[j] + p->x[at * p->G * H + j];
            }
            if (p->cell == JORDAN) {
                double most = -INFINITY, sum = 0;
                for (int64_t j = 0; j < H; j++) a[j] = apply(p->activation, a[j]);
                for (int64_t k = 0; k < K; k++) {
                    double s = p->bias_out[k];
                    for (int64_t j = 0; j < H; j++) s += p->w_out[k * H + j] * a[j];
                    out[at * K + k] = s, total += p->g[at * K + k] * s;
                    most = s > most ? s : most;
                }
                for (int64_t k = 0; k < K; k++) {
                    const double s = out[at * K + k];
                    sum += hr[k] = p->feedback == SOFTMAX ? exp(s - most) : apply(p->feedback, s);
                }
                for (int64_t k = 0; k < K && p->feedback == SOFTMAX; k++) hr[k] /= sum;
                continue;
            }
            for (int64_t j = 0; j < H; j++) {
                double next;
                if (p->cell == ELMAN)
                    next = apply(p->activation, a[j]);
                else if (p->cell == LSTM) {
                    cr[j] = sigmoid(a[H + j]) * cr[j] + sigmoid(a[j]) * tanh(a[2 * H + j]);
                    total += p->g_cell[at * H + j] * cr[j];
                    next = sigmoid(a[3 * H + j]) * tanh(cr[j]);
                } else {
                    const double n = tanh(p->x[at * 3 * H + 2 * H + j] + sigmoid(a[j]) * q[2 * H + j]),
                                 z = sigmoid(a[H + j]);
                    next = (1 - z) * n + z * hr[j];
                }
                out[at * H + j] = next, total += p->g[at * H + j] * next;
            }
            for (int64_t j = 0; j < H; j++) hr[j] = out[at * H + j];
        }
    free(h), free(c), free(a), free(q);
    return total;
}

/* ---- The check ---- */

static void run(int64_t set, struct call *c, int is_back)
{
    c->work = malloc((size_t)rnn_work_size(set, c, is_back) * sizeof(float));
    is_back ? rnn_backward(set, c) : rnn_forward(set, c);
    if (!is_back) { /* once more, with the work space as it was left */
        c->is_ready = 1;
        if (c->cell != LSTM && !c->gates) rnn_forward(set, c);
        c->is_ready = 0;
    }
    free(c->work);
}

/* How far `found` (rows, columns) is from the product of the transpose of a (S, rows), whose entries begin at
 * `a` with a stride, and b (S, columns), or the sums of a if there is no b. */
static double product_error(const float *found, int64_t rows, int64_t columns, int64_t S, const float *a,
                            int64_t stride, const float *b)
{
    double error = 0;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < columns; j++) {
            double sum = 0, size = 1e-3;
            for (int64_t s = 0; s < S; s++) {
                const double term = (double)a[s * stride + r] * (b ? b[s * columns + j] : 1);
                sum += term, size += fabs(term);
            }
            error = fmax(error, fabs(sum - found[r * columns + j]) / size);
        }
    return error;
}

static int check(int64_t set, const struct problem *p, int64_t n_threads)
{
    const int64_t H = p->H, K = p->K, S = p->S, G = p->G * H, fed = p->cell == JORDAN ? K : H;
    const int64_t width = p->cell == GRU || p->cell == LSTM ? 4 * H : H;
    float *gates = malloc((size_t)(S * G) * sizeof(float)), *out = zeros(S * H), *scores = zeros(S * K);
    float *cell_state = malloc((size_t)(p->B * H) * sizeof(float)), *cell_out = zeros(S * H),
          *recurrent_n = zeros(S * H);
    float *answers = zeros(S * K), *grad = zeros(S * width), *grad_scores = zeros(S * K),
          *grad_state = zeros(p->B * fed), *grad_cell_state = zeros(p->B * H), *before = zeros(S * fed);
    float *grad_w_ih = zeros(G * p->d), *grad_bias_ih = zeros(G), *grad_w = zeros(G * fed),
          *grad_bias = zeros(G), *grad_w_out = zeros(K * H), *grad_bias_out = zeros(K);
    const int64_t n_out = p->cell == JORDAN ? S * K : S * H;
    const float *result = p->cell == JORDAN ? scores : out;
    float *lean = zeros(n_out), *projected = zeros(n_out);
    struct call c = {.cell = p->cell,
                     .activation = p->activation,
                     .feedback = p->feedback,
                     .n_steps = p->T,
                     .n_entries = S,
                     .n_inputs = p->d,
                     .hidden = H,
                     .n_threads = n_threads,
                     .sizes = p->sizes,
                     .inputs = p->inputs,
                     .weight_ih = p->w_ih,
                     .bias_ih = p->bias_ih,
                     .weight = p->w,
                     .bias = p->bias,
                     .state = p->h0,
                     .out = out}; /* what a cell has no use for is NULL */
    if (p->cell == LSTM) c.cell_state = cell_state;
    if (p->cell == JORDAN)
        c.n_outputs = K, c.weight_out = p->w_out, c.bias_out = p->bias_out, c.scores = scores,
        c.answers = answers;
    /* At first as where there is no way back, then with projections that were made before. */
    memcpy(cell_state, p->c0, (size_t)(p->B * H) * sizeof(float));
    run(set, &c, 0);
    memcpy(lean, result, (size_t)n_out * sizeof(float));
    memcpy(cell_state, p->c0, (size_t)(p->B * H) * sizeof(float));
    memcpy(gates, p->x, (size_t)(S * G) * sizeof(float));
    c.inputs = NULL, c.gates = gates;
    run(set, &c, 0);
    memcpy(projected, result, (size_t)n_out * sizeof(float));
    memcpy(cell_state, p->c0, (size_t)(p->B * H) * sizeof(float));
    c.inputs = p->inputs;
    if (p->cell == LSTM) c.cell_out = cell_out;
    if (p->cell == GRU) c.recurrent_n = recurrent_n;
    run(set, &c, 0);
    int failed = memcmp(lean, result, (size_t)n_out * sizeof(float)) != 0;
    for (int64_t i = 0; i < n_out; i++)
        failed |= !(fabsf(projected[i] - result[i]) < 2e-5f * (1 + fabsf(result[i])));

    c.grad_out = p->g, c.grad_gates = grad, c.grad_state = grad_state;
    c.grad_weight_ih = grad_w_ih, c.grad_bias_ih = grad_bias_ih, c.grad_weight = grad_w,
    c.grad_bias = grad_bias;
    if (p->cell == LSTM)
        c.cell_start = p->c0, c.grad_cell_out = p->g_cell, c.grad_cell_state = grad_cell_state;
    if (p->cell == JORDAN)
        c.grad_scores = grad_scores, c.grad_weight_out = grad_w_out, c.grad_bias_out = grad_bias_out;
    run(set, &c, 1);
    memcpy(before, p->h0, (size_t)(p->B * fed) * sizeof(float));
    for (int64_t t = 1, at = p->B; t < p->T; at += p->sizes[t], t++)
        memcpy(before + at * fed, (p->cell == JORDAN ? answers : out) + (at - p->sizes[t - 1]) * fed,
               (size_t)(p->sizes[t] * fed) * sizeof(float));
    const float *of_inputs = p->cell == GRU ? grad + H : grad; /* behind n comes r, z, n */
    double error_of_weights = product_error(grad_w_ih, G, p->d, S, of_inputs, width, p->inputs);
#define ALSO(...) error_of_weights = fmax(error_of_weights, product_error(__VA_ARGS__))
    ALSO(grad_bias_ih, G, 1, S, of_inputs, width, NULL);
    if (p->cell == GRU) {
        ALSO(grad_w, 2 * H, H, S, grad + H, width, before);
        ALSO(grad_w + 2 * H * H, H, H, S, grad, width, before);
        ALSO(grad_bias, 2 * H, 1, S, grad + H, width, NULL);
        ALSO(grad_bias + 2 * H, H, 1, S, grad, width, NULL);
    } else {
        ALSO(grad_w, G, fed, S, grad, width, before);
        ALSO(grad_bias, G, 1, S, grad, width, NULL);
    }
    if (p->cell == JORDAN) {
        ALSO(grad_w_out, K, H, S, grad_scores, K, out);
        ALSO(grad_bias_out, K, 1, S, grad_scores, K, NULL);
    }
    failed |= !(error_of_weights < 1e-5);

    /* With tokens in place of inputs, which stand for rows of zeros and a one. */
    int64_t *tokens = malloc((size_t)S * sizeof(int64_t));
    float *one_hot = zeros(S * p->d), *more_state = zeros(p->B * fed), *more_cell_state = zeros(p->B * H);
    for (int64_t s = 0; s < S; s++) tokens[s] = s * 7 % p->d, one_hot[s * p->d + tokens[s]] = 1.0f;
    c.inputs = NULL, c.tokens = tokens, c.grad_state = more_state;
    if (p->cell == LSTM) c.grad_cell_state = more_cell_state;
    if (p->cell == JORDAN) memset(grad_scores, 0, (size_t)(S * K) * sizeof(float));
    run(set, &c, 1);
    failed |= !(product_error(grad_w_ih, G, p->d, S, of_inputs, width, one_hot) < 1e-5);
    failed |= memcmp(grad_state, more_state, (size_t)(p->B * fed) * sizeof(float)) != 0;
    free(tokens), free(one_hot), free(more_state), free(more_cell_state);

    double *expected = malloc((size_t)(S * fed) * sizeof(double)), error = 0;
    plain(p, expected);
    for (int64_t i = 0; i < S * fed; i++)
        error = fmax(error, fabs(expected[i] - (p->cell == JORDAN ? scores : out)[i]));
    double grad_error = 0;
    for (int trial = 0; trial < 5; trial++) {
        const int64_t at = (int64_t)((noise() + 1) / 2 * (float)(S - 1)),
                      j = (int64_t)((noise() + 1) / 2 * (float)(G - 1));
        const float was = p->x[at * G + j];
        p->x[at * G + j] = was + 0.0009765625f;
        double slope = plain(p, expected);
        p->x[at * G + j] = was - 0.0009765625f;
        slope = (slope - plain(p, expected)) / 0.001953125;
        p->x[at * G + j] = was;
        const float ours = grad[at * width + j + (p->cell == GRU ? H : 0)]; /* behind n comes r, z, n */
        grad_error = fmax(grad_error, fabs(slope - ours) / (1 + fabs(slope)));
    }
    const int64_t row = p->B - 1, j = fed - 1;
    const float was = p->h0[row * fed + j];
    p->h0[row * fed + j] = was + 0.0009765625f;
    double slope = plain(p, expected);
    p->h0[row * fed + j] = was - 0.0009765625f;
    slope = (slope - plain(p, expected)) / 0.001953125;
    p->h0[row * fed + j] = was;
    grad_error = fmax(grad_error, fabs(slope - grad_state[row * fed + j]) / (1 + fabs(slope)));
    free(expected);
    float *all[] = {gates,  out,         scores,          cell_state, cell_out,     recurrent_n,  answers,
                    grad,   grad_scores, grad_state,      lean,       projected,    before,       grad_w_ih,
                    grad_w, grad_bias,   grad_cell_state, grad_w_out, grad_bias_ih, grad_bias_out};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    /* A kink of the rectifier within the step of a finite difference makes it wrong. */
    failed |= !(error < 2e-5) || (p->activation != RELU && !(grad_error < 2e-3));
    if (failed)
        printf("set %d cell %d functions %d %d B %d T %d H %d K %d threads %d: errors %g, %g, %g\n", (int)set,
               (int)p->cell, (int)p->activation, (int)p->feedback, (int)p->B, (int)p->T, (int)H, (int)K,
               (int)n_threads, error, grad_error, error_of_weights);
    return failed;
}

/* The output layer with its loss, against plain loops in double precision. */
static int check_readout(int64_t set, int64_t n, int64_t H, int64_t K, int is_weighted, int64_t n_threads)
{
    float *features = array(n * H, 1), *weight = array(K * H, 1.0f / sqrtf((float)H)), *bias = array(K, 1),
          *importance = array(n, 1);
    float *scores = zeros(n * K), *grad_features = zeros(n * H), *grad_weight = zeros(K * H),
          *grad_bias = zeros(K), *g = zeros(n * K);
    int64_t *targets = malloc((size_t)n * sizeof(int64_t));
    for (int64_t i = 0; i < n; i++) targets[i] = i * 7 % K, importance[i] += 1.5f;
    struct readout o = {.n = n,
                        .n_features = H,
                        .n_scores = K,
                        .n_threads = n_threads,
                        .features = features,
                        .weight = weight,
                        .bias = bias,
                        .targets = targets,
                        .importance = is_weighted ? importance : NULL,
                        .scores = scores,
                        .grad_features = grad_features,
                        .grad_weight = grad_weight,
                        .grad_bias = grad_bias};
    o.work = malloc((size_t)rnn_readout_work_size(set, &o) * sizeof(float));
    const double loss = rnn_read_out(set, &o);
    double expected = 0, error = 0;
    for (int64_t i = 0; i < n; i++) {
        double total = 0;
        const double share = (is_weighted ? importance[i] : 1.0) / (double)n;
        for (int64_t k = 0; k < K; k++) {
            double s = bias[k];
            for (int64_t j = 0; j < H; j++) s += (double)features[i * H + j] * weight[k * H + j];
            error = fmax(error, fabs(s - scores[i * K + k]) / (1 + fabs(s)));
            total += exp(s);
        }
        for (int64_t k = 0; k < K; k++)
            g[i * K + k] = (float)(share * (exp(scores[i * K + k]) / total - (k == targets[i])));
        expected += share * (log(total) - scores[i * K + targets[i]]);
        for (int64_t j = 0; j < H; j++) {
            double sum = 0, size = 1e-3;
            for (int64_t k = 0; k < K; k++)
                sum += (double)g[i * K + k] * weight[k * H + j], size += fabs(g[i * K + k]);
            error = fmax(error, fabs(sum - grad_features[i * H + j]) / size);
        }
    }
    error = fmax(error, fabs(loss - expected) / (1 + fabs(expected)));
    error = fmax(error, product_error(grad_weight, K, H, n, g, K, features) / 10);
    error = fmax(error, product_error(grad_bias, K, 1, n, g, K, NULL) / 10);
    float *all[] = {features,      weight, bias,        importance, scores,
                    grad_features, g,      grad_weight, grad_bias,  o.work};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    free(targets);
    if (!(error < 5e-5))
        printf("set %d readout n %d H %d K %d: error %g\n", (int)set, (int)n, (int)H, (int)K, error);
    return !(error < 5e-5);
}

static float *draw_numbers(int64_t n)
{
    float *x = malloc((size_t)n * sizeof(float));
    for (int64_t i = 0; i < n; i++) x[i] = noise();
    return x;
}

/* Rows of a linear layer, of a mixture, of a softmax, of each function, and marginals without transitions. */
static int check_rows(int64_t set, int64_t n, int64_t H, int64_t K, int64_t n_threads)
{
    float *x = draw_numbers(2 * n * H), *weight = draw_numbers(2 * K * H), *bias = draw_numbers(K);
    float *out = draw_numbers(2 * n * K), *row = draw_numbers(n * H), *work = draw_numbers(2 * n * H);
    float *moves = calloc((size_t)(H * H), sizeof(float)), *ends = calloc((size_t)H, sizeof(float));
    const int64_t sizes[2] = {n, n};
    double error = 0;
    for (int what = 0; what < 2; what++) {
        rnn_rows(set, n_threads, what, IDENTITY, 2, n, H, K, x, weight, bias, out);
        for (int64_t i = 0; i < 2 * n; i++)
            for (int64_t k = 0; k < K; k++) {
                const float *w = weight + i / n * K * H;
                double s = what ? 0 : bias[k];
                for (int64_t h = 0; h < H; h++) s += (double)x[i * H + h] * w[what ? h * K + k : k * H + h];
                error = fmax(error, fabs(s - out[i * K + k]) / (1 + fabs(s)));
            }
    }
    for (int64_t function = TANH; function <= SOFTPLUS; function++)
        if (function != SOFTMAX && function != LOG_SOFTMAX)
            rnn_rows(set, n_threads, 3, function, 1, n, H, 0, x, NULL, NULL, row);
    float *softmax = draw_numbers(2 * n * H), *marginals = draw_numbers(2 * n * H);
    rnn_rows(set, n_threads, 2, LOG_SOFTMAX, 1, 2 * n, H, 0, x, NULL, NULL, softmax);
    rnn_rows(set, n_threads, 2, SOFTMAX, 1, 2 * n, H, 0, x, NULL, NULL, softmax);
    rnn_marginals(set, n_threads, 2, H, sizes, x, moves, moves, ends, ends, work, marginals);
    for (int64_t i = 0; i < 2 * n; i++) {
        double total = 0;
        for (int64_t h = 0; h < H; h++) total += exp(x[i * H + h]);
        for (int64_t h = 0; h < H; h++) {
            error = fmax(error, fabs(exp(x[i * H + h]) / total - softmax[i * H + h]));
            error = fmax(error, fabs((double)softmax[i * H + h] - marginals[i * H + h]));
        }
    }
    float *all[] = {x, weight, bias, out, row, work, moves, ends, softmax, marginals};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    if (!(error < 5e-5))
        printf("set %d rows n %d H %d K %d: error %g\n", (int)set, (int)n, (int)H, (int)K, error);
    return !(error < 5e-5);
}

int main(void)
{
    const int64_t shapes[][4] = {{1, 1, 1, 1},    {1, 4, 3, 2},    {3, 2, 8, 8},   {2, 5, 16, 17},
                                 {9, 6, 17, 3},   {5, 3, 31, 9},   {7, 9, 64, 5},  {33, 4, 20, 4},
                                 {2, 3, 100, 33}, {4, 2, 129, 70}, {1, 2, 1024, 3}};
    int failed = 0, n_checks = 0;
    for (int64_t set = 1; set <= 3; set++) {
        if (!rnn_supports(set)) continue;
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
            for (int64_t n_threads = 1; n_threads <= 3; n_threads += 2, n_checks++)
                failed += check_rows(set, shapes[s][0] * shapes[s][1],
                                     shapes[s][2] > 200 ? 40 : shapes[s][2], shapes[s][3], n_threads);
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
            for (int is_weighted = 0; is_weighted < 2; is_weighted++)
                for (int64_t n_threads = 1; n_threads <= 3; n_threads += 2, n_checks++)
                    failed += check_readout(set, shapes[s][0] * shapes[s][1],
                                            shapes[s][2] > 200 ? 40 : shapes[s][2], shapes[s][3], is_weighted,
                                            n_threads);
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
            for (int64_t cell = ELMAN; cell <= JORDAN; cell++)
                for (int64_t f = TANH; f <= (cell == ELMAN || cell == JORDAN ? SIGMOID : TANH); f++)
                    for (int64_t fed = SIGMOID; fed <= (cell == JORDAN ? SOFTMAX : SIGMOID); fed++) {
                        if (shapes[s][2] > 1000 && (f || (cell == JORDAN && fed != SOFTMAX)))
                            continue; /* slow */
                        struct problem p =
                            draw(cell, f, fed, shapes[s][0], shapes[s][1], shapes[s][2], shapes[s][3]);
                        for (int64_t n_threads = 1; n_threads <= 3; n_threads += 2, n_checks++)
                            failed += check(set, &p, n_threads);
                        drop(&p);
                    }
    }
    printf("%d checks, %d failed\n", n_checks, failed);
    return failed || n_checks == 0;
}
