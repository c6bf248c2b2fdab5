/* Helpers that never keep anyone waiting for a thread without a core.
 *
 * A job has as many parts as threads: with more, each would read the weights for fewer rows. The parts are claimed,
 * one after the other, by whoever has time: the thread that asks, and helpers. In the end it waits for those helpers
 * only that hold a part. A parallel region of OpenMP ends when each thread has been given a core, which on a busy
 * machine takes a hundred times as long as the job. Helpers look out for the next job for a moment, then sleep. It
 * is measured how much is computed in a second with helpers and without; where they are of no use, they are left
 * asleep for a while, each time twice as long. There is one job at a time: whoever asks meanwhile works alone.
 */
#include "team.h"

/* Denormal numbers are taken for zero: they would cost a hundred times as much as others. */
static uint64_t flush_denormals(void)
{
#if defined(__x86_64__)
    const uint64_t before = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr((unsigned)before | 0x8040u);
#elif defined(__aarch64__)
    uint64_t before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"(before | (1u << 24)));
#else
    const uint64_t before = 0;
#endif
    return before;
}

static void restore_denormals(uint64_t before)
{
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr((unsigned)before);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(before));
#else
    (void)before;
#endif
}

#ifdef _WIN32 /* has no threads of POSIX; the loops run on one */

void team_run(const void *job, share_function *run, int64_t n_threads)
{
    const uint64_t before = flush_denormals();
    (void)n_threads;
    run(job, 0, 1);
    restore_denormals(before);
}

#else

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

enum { MOST_HELPERS = 255, LOOKS = 64 };
enum { PATIENCE = 20000, TRIAL = 5000000, MEMORY = 20000000 }; /* ns */
/* By how much helpers have to speed up what they help with: parts take longer than in one thread, since caches and
 * memory are shared. */
#define LEAST_GAIN 1.3
#ifndef LONGEST_PAUSE
#define LONGEST_PAUSE 1000000000 /* ns; with 0 helpers are never left asleep */
#endif

/* Of the job: its number, the helpers that are wanted, its parts, the next one to be claimed; 16 bits each. */
static _Atomic uint64_t ticket;
static struct {
    const void *job;
    share_function *run;
} task; /* read by those only who hold a part of it */
static _Atomic int64_t n_done;
static atomic_int is_over, is_asleep[MOST_HELPERS];

static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static pthread_t helpers[MOST_HELPERS];
static uint64_t n_helpers;
static struct account {
    double computed, passed; /* ns that one thread would compute without a break, and ns of the clock */
} shared, alone;
static int64_t pause_length, tried_at, try_at; /* tried_at: since when helpers have been at work; 0: they are not */

static pthread_mutex_t sleeping = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t has_work[MOST_HELPERS]; /* made with the helpers */

static uint64_t number_of(uint64_t t) { return t >> 48; }
static uint64_t helpers_of(uint64_t t) { return t >> 32 & 0xffff; }
static uint64_t parts_of(uint64_t t) { return t >> 16 & 0xffff; }
static uint64_t next_of(uint64_t t) { return t & 0xffff; }

static int64_t read_clock(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Runs parts until none is left, and says how many. */
static int64_t claim(void)
{
    int64_t n = 0;
    uint64_t t = atomic_load(&ticket);
    while (next_of(t) < parts_of(t)) {
        if (!atomic_compare_exchange_weak(&ticket, &t, t + 1)) continue;
        task.run(task.job, (int64_t)next_of(t), (int64_t)parts_of(t));
        atomic_fetch_add(&n_done, 1);
        n++;
        t = atomic_load(&ticket);
    }
    return n;
}

static int is_wanted(uint64_t place, uint64_t number)
{
    const uint64_t t = atomic_load(&ticket);
    return number_of(t) != number && place < helpers_of(t);
}

/* Returns when there is another job than the one with a number, for which the helper is wanted. */
static void wait_for_another(uint64_t place, uint64_t number)
{
    const int64_t until = read_clock(CLOCK_MONOTONIC) + PATIENCE;
    do {
        for (int i = 0; i < LOOKS; i++) {
            if (is_wanted(place, number)) return;
            pause_briefly();
        }
    } while (read_clock(CLOCK_MONOTONIC) < until);
    atomic_store(&is_asleep[place], 1);
    pthread_mutex_lock(&sleeping);
    while (!is_wanted(place, number) && !atomic_load(&is_over)) pthread_cond_wait(&has_work[place], &sleeping);
    pthread_mutex_unlock(&sleeping);
    atomic_store(&is_asleep[place], 0);
}

static void *help(void *data)
{
    const uint64_t place = (uint64_t)(uintptr_t)data;
    uint64_t t = atomic_load(&ticket);
    flush_denormals();
    for (;;) {
        if (place < helpers_of(t)) claim();
        wait_for_another(place, number_of(t));
        if (atomic_load(&is_over)) return NULL;
        t = atomic_load(&ticket);
    }
}

static void wake(uint64_t n_wanted)
{
    for (uint64_t i = 0; i < n_wanted; i++) {
        if (!atomic_load(&is_asleep[i])) continue;
        pthread_mutex_lock(&sleeping);
        pthread_cond_signal(&has_work[i]);
        pthread_mutex_unlock(&sleeping);
    }
}

/* Makes helpers up to a number, and says how many there are of these. Signals are for Python's own threads, but for
 * those of a fault of the helper's own. */
static uint64_t hire(uint64_t wanted)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
    sigset_t all, before;
    if (n_helpers >= wanted) return wanted;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (n_helpers < wanted) {
        pthread_cond_init(&has_work[n_helpers], NULL);
        atomic_store(&is_asleep[n_helpers], 0);
        if (pthread_create(&helpers[n_helpers], NULL, help, (void *)(uintptr_t)n_helpers)) break;
        n_helpers++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return n_helpers;
}

/* ---- With helpers or without ---- */

static double speed(struct account a) { return a.passed > 0 ? a.computed / a.passed : 1.0; }

static void add(struct account *a, double computed, double passed)
{
    a->computed += computed, a->passed += passed;
    if (a->passed > MEMORY) a->computed /= 2, a->passed /= 2;
}

/* Sends the helpers to sleep if hardly more is computed with them than without. */
static void judge(int64_t begun, int64_t ended)
{
    if (!tried_at) tried_at = begun;
    if (shared.passed < TRIAL) return;
    if (speed(shared) < LEAST_GAIN * speed(alone)) {
        const int64_t pause = 2 * pause_length - (ended - tried_at), shortest = 2 * TRIAL;
        pause_length = pause < shortest ? shortest : pause;
        if (pause_length > LONGEST_PAUSE) pause_length = LONGEST_PAUSE;
        try_at = ended + pause_length, tried_at = 0;
        shared = alone = (struct account){0};
    } else if (shared.passed > MEMORY / 2) { /* what was measured without them is from long ago */
        alone.computed = (alone.computed + alone.passed) / 2;
    }
}

/* Hands out the parts of a job, and returns when all are done; `computed` as in an account. */
static double run_shared(const void *job, share_function *run, uint64_t n_wanted, int64_t n_parts)
{
    task.job = job, task.run = run;
    atomic_store(&n_done, 0);
    const uint64_t number = number_of(atomic_load(&ticket)) + 1;
    atomic_store(&ticket, number << 48 | n_wanted << 32 | (uint64_t)n_parts << 16);
    wake(n_wanted);
    const int64_t begun = read_clock(CLOCK_THREAD_CPUTIME_ID), n_own = claim(),
                  computed = read_clock(CLOCK_THREAD_CPUTIME_ID) - begun,
                  late = read_clock(CLOCK_MONOTONIC) + PATIENCE;
    for (int i = 0; atomic_load(&n_done) < n_parts; i++) {
        pause_briefly();
        if (i % LOOKS == 0 && read_clock(CLOCK_MONOTONIC) > late) sched_yield();
    }
    return n_own ? (double)computed * (double)n_parts / (double)n_own : 0.0;
}

static double run_alone(const void *job, share_function *run)
{
    const int64_t begun = read_clock(CLOCK_THREAD_CPUTIME_ID);
    run(job, 0, 1);
    return (double)(read_clock(CLOCK_THREAD_CPUTIME_ID) - begun);
}

void team_run(const void *job, share_function *run, int64_t n_threads)
{
    const uint64_t before = flush_denormals();
    const int64_t n_parts = n_threads < MOST_HELPERS ? n_threads : MOST_HELPERS;
    if (n_parts < 2 || pthread_mutex_trylock(&asking)) {
        run(job, 0, 1);
    } else {
        const int64_t begun = read_clock(CLOCK_MONOTONIC);
        const uint64_t n_hired = begun >= try_at ? hire((uint64_t)n_parts - 1) : 0;
        const double computed = n_hired ? run_shared(job, run, n_hired, n_parts) : run_alone(job, run);
        const int64_t ended = read_clock(CLOCK_MONOTONIC);
        if (computed > 0.0) add(n_hired ? &shared : &alone, computed, (double)(ended - begun));
        if (n_hired) judge(begun, ended);
        pthread_mutex_unlock(&asking);
    }
    restore_denormals(before);
}

/* ---- Processes ---- */

/* In the child of a fork there are no helpers, and locks are as other threads held them. */
static void begin_anew(void)
{
    pthread_mutex_init(&asking, NULL);
    pthread_mutex_init(&sleeping, NULL);
    atomic_store(&ticket, 0);
    atomic_store(&is_over, 0);
    n_helpers = 0;
    shared = alone = (struct account){0};
    pause_length = tried_at = try_at = 0;
}

__attribute__((constructor)) static void watch_forks(void) { pthread_atfork(NULL, NULL, begin_anew); }

__attribute__((destructor)) static void dismiss(void)
{
    if (pthread_mutex_trylock(&asking)) return; /* another thread has a job still */
    atomic_store(&is_over, 1);
    pthread_mutex_lock(&sleeping);
    for (uint64_t i = 0; i < n_helpers; i++) pthread_cond_signal(&has_work[i]);
    pthread_mutex_unlock(&sleeping);
    for (uint64_t i = 0; i < n_helpers; i++) pthread_join(helpers[i], NULL);
}

#endif
