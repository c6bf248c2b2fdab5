/* What the compiled time loops are given and what they give. No header of Python or torch is needed. */
#ifndef RECURRENCE_H
#define RECURRENCE_H

#include <stdint.h>

enum { ELMAN, LSTM, GRU, JORDAN };
enum { TANH, RELU, SIGMOID, IDENTITY, SOFTMAX, LOG_SOFTMAX, EXP, LOG, SOFTPLUS };

/* One run over a packed batch: B rows, S entries in all, d inputs, H hidden units, K outputs of a Jordan
 * network. All arrays are float32, row-major and without gaps; weights lie as the cells have them. G is the
 * width of the projected inputs, F that of what is fed back: H, or K. What a cell has no use for is NULL.
 *
 * forward reads and backward reads again: */
struct call {
    int64_t cell, activation, feedback; /* of the hidden layer; of what is fed back (Jordan) */
    int64_t n_steps, n_entries, n_inputs, hidden, n_outputs, n_threads;
    int64_t is_ready;      /* forward: whether `work` is as the last run with the same weights left it */
    const int64_t *sizes;  /* (n_steps) rows alive at each step, never increasing, the first is B */
    const float *inputs;   /* (S, d); NULL if `gates` holds the projections already */
    const int64_t *tokens; /* (S) from 0 to d - 1, in place of inputs; only backward reads them */
    const float *weight_ih, *bias_ih;   /* (G, d), (G) */
    const float *weight, *bias;         /* (G, F), (G) of the recurrent side */
    const float *weight_out, *bias_out; /* (K, H), (K) Jordan */
    const float *state;                 /* (B, F): h, or Jordan's answer, before the first step */
    float *work;                        /* of the size that rnn_work_size gives */
    /* forward writes and backward reads: */
    float *gates;       /* (S, G) becomes the gates (LSTM, GRU); NULL if they are not wanted afterwards */
    float *out;         /* (S, H) h; Jordan: the hidden layer */
    float *cell_out;    /* (S, H) LSTM: c of each step; NULL if there is no way back */
    float *recurrent_n; /* (S, H) GRU: what the reset gate multiplies; NULL if there is no way back */
    float *scores;      /* (S, K) Jordan */
    float *answers;     /* (S, K) Jordan */
    float *cell_state;  /* (B, H) LSTM: c before the first step; becomes that after the last */
    /* backward: */
    const float *cell_start;              /* (B, H) LSTM: c before the first step */
    const float *grad_out;                /* (S, H) or, Jordan, of the scores, (S, K) */
    const float *grad_cell_out;           /* (S, H) LSTM, or NULL */
    const float *grad_answers;            /* (S, K) Jordan, or NULL */
    float *grad_gates;                    /* (S, G) of the projected inputs; GRU: (S, 4H), see gru_row_back */
    float *grad_scores;                   /* (S, K) Jordan; zeros at first */
    float *grad_state;                    /* (B, F); zeros at first */
    float *grad_cell_state;               /* (B, H) LSTM; zeros at first */
    float *grad_weight_ih, *grad_bias_ih; /* the first only where there are `inputs` or `tokens` */
    float *grad_weight, *grad_bias, *grad_weight_out, *grad_bias_out;
    /* Parts of `work`: */
    float *packed;     /* recurrent weights; GRU: of r and z; Jordan: from the answer to the hidden layer */
    float *packed_2;   /* GRU: of n; Jordan: from the hidden layer to the scores */
    float *packed_ih;  /* the input's weights */
    float *step_gates; /* (B, G) of one step, in place of `gates` */
    float *step_n;     /* (B, H) of one step, in place of `recurrent_n` */
    float *before;     /* packed (S, F): what was fed back into each step */
    float *packed_inputs; /* (S, d) */
    float *by_token;      /* (d, G) */
    float *packed_hidden; /* (S, H) Jordan */
};

/* A linear layer with n rows of H features and K scores, softmax and cross-entropy, there and back. */
struct readout {
    int64_t n, n_features, n_scores, n_threads;
    const float *features, *weight, *bias;          /* (n, H), (K, H), (K) */
    const int64_t *targets;                         /* (n) classes */
    const float *importance;                        /* (n) of each row in the loss, or NULL */
    float *work;                                    /* of the size that rnn_readout_work_size gives */
    float *scores;                                  /* (n, K) */
    float *grad_features, *grad_weight, *grad_bias; /* of the loss, which is a mean over the rows */
    /* Parts of `work`: */
    double *losses;                                /* (n) times their importance; NaN without a class */
    float *grad_scores;                            /* (n, K) */
    float *packed, *packed_back, *packed_features; /* the weight for the way there and back */
};

/* Rows of numbers, each computed in one order, whoever its neighbours are. There are g groups of n rows. */
struct rows {
    int64_t function;                     /* `normalize`: SOFTMAX or LOG_SOFTMAX; `map`: the others */
    int64_t n_groups, n, width, n_outputs; /* g, n, H, K; `normalize` and `map` take one group */
    const float *x;                       /* (g, n, H) */
    const float *weight;                  /* `linear`: (g, K, H); `mix`: (g, H, K) */
    const float *bias;                    /* `linear`: (K) */
    float *out;                           /* (g, n, K); `normalize` and `map`: (n, H) */
};

/* The marginal probabilities of a conditional random field's K labels, over a packed batch. */
struct chain {
    int64_t n_steps, n_labels;
    const int64_t *sizes;                   /* (n_steps) as in `call` */
    const float *scores, *moves;            /* (S, K), (K, K) of the transitions */
    const float *moves_back, *start, *end;  /* (K, K) the transpose of `moves`, (K), (K) */
    float *work;                            /* (B, 2 K) */
    float *out;                             /* (S, K) */
};

/* What one of several threads does of a call's, a readout's, or such work. */
typedef void share_function(const void *job, int64_t thread, int64_t n_threads);

/* The loops for one instruction set. */
struct loops {
    int64_t (*lay_out)(struct call *, int is_back); /* sets the parts of `work` and gives its size */
    void (*prepare)(const struct call *, int is_back);
    share_function *forward, *backward, *weight_gradients;
    int64_t (*lay_out_readout)(struct readout *);
    void (*prepare_readout)(const struct readout *);
    share_function *read_out, *readout_gradients;
    share_function *linear, *mix, *normalize, *map, *marginals;
};
extern const struct loops loops_avx512, loops_avx2, loops_neon;

#endif
