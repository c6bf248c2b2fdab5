/* What the compiled time loops are given and what they give. No header of Python or torch is needed. */
#ifndef RECURRENCE_H
#define RECURRENCE_H

#include <stdint.h>

enum { ELMAN, LSTM, GRU, JORDAN };
enum { TANH, RELU, SIGMOID, IDENTITY, SOFTMAX };

/* One run over a packed batch: B rows, S entries in all, H hidden units, K outputs of a Jordan network. All
 * arrays are float32, row-major and without gaps. What a cell has no use for is NULL.
 *
 * forward reads and backward reads again: */
struct call {
    int64_t cell, activation, feedback; /* of the hidden layer; of what is fed back (Jordan) */
    int64_t n_steps, hidden, n_outputs, n_threads;
    const int64_t *sizes; /* (n_steps) rows alive at each step, never increasing, the first is B */
    const float *packed; /* recurrent weights; GRU: of r and z; Jordan: from the answer to the hidden layer */
    const float *packed_2; /* GRU: of n; Jordan: from the hidden layer to the scores */
    const float *bias;     /* (gates * H) of the recurrent side */
    const float *bias_out; /* (K) Jordan */
    const float *state;    /* (B, H) or (B, K): h, or Jordan's answer, before the first step */
    /* forward writes and backward reads: */
    float *gates;       /* (S, gates * H) the projected inputs; becomes the gates (LSTM, GRU) */
    float *out;         /* (S, H) h; Jordan: the hidden layer */
    float *cell_out;    /* (S, H) LSTM: c of each step; NULL if there is no way back */
    float *recurrent_n; /* (S, H) GRU: what the reset gate multiplies */
    float *scores;      /* (S, K) Jordan */
    float *answers;     /* (S, K) Jordan */
    float *cell_state;  /* (B, H) LSTM: c before the first step; becomes that after the last */
    /* backward: */
    const float *cell_start;    /* (B, H) LSTM: c before the first step */
    const float *grad_out;      /* (S, H) or, Jordan, of the scores, (S, K) */
    const float *grad_cell_out; /* (S, H) LSTM, or NULL */
    const float *grad_answers;  /* (S, K) Jordan, or NULL */
    float *grad_gates;          /* (S, gates * H) of the projected inputs; GRU: (S, 4H), see gru_row_back */
    float *grad_scores;         /* (S, K) Jordan; zeros at first */
    float *grad_state;          /* (B, H) or (B, K); zeros at first */
    float *grad_cell_state;     /* (B, H) LSTM; zeros at first */
    float *before;              /* (S, H) or (S, K): what was fed back into each step */
};

/* The loops for one instruction set. */
struct loops {
    int64_t (*packed_size)(int64_t K, int64_t columns);
    void (*pack)(const float *w, int64_t K, int64_t columns, int64_t k_stride, int64_t j_stride, float *out);
    void (*forward)(const struct call *, int64_t thread, int64_t n_threads);
    void (*backward)(const struct call *, int64_t thread, int64_t n_threads);
};
extern const struct loops loops_avx512, loops_avx2, loops_neon;

/* How many of `rows` sequences belong to a thread. */
static inline int64_t share(int64_t rows, int64_t thread, int64_t n_threads)
{
    return rows > thread ? (rows - thread + n_threads - 1) / n_threads : 0;
}

#endif
