/* Checks that each part of each job runs once, whatever threads ask for it, and in the children of forks.
 * Signals interrupt whoever asks. usage: check_team [forks] */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../sklearn_rnn/nn/kernels/native/team.h"

enum { ASKERS = 4, JOBS = 3000, MOST_PARTS = 16, CHILDREN = 30 };

struct job {
    atomic_int runs[MOST_PARTS];
    int64_t n_parts;
    long turns;
};

static atomic_int n_failed, n_checks, n_interruptions;

static void interrupt(int number)
{
    (void)number;
    atomic_fetch_add(&n_interruptions, 1);
}

static void run(const void *data, int64_t part, int64_t n_parts)
{
    struct job *job = (struct job *)data;
    volatile double x = 1.0;
    for (long i = 0; i < job->turns; i++) x = x * 0.999 + 0.001;
    if (n_parts == 1) {
        for (int64_t i = 0; i < job->n_parts; i++) atomic_fetch_add(&job->runs[i], 1);
        return;
    }
    if (n_parts != job->n_parts) atomic_fetch_add(&n_failed, 1);
    atomic_fetch_add(&job->runs[part], 1);
}

static void ask(unsigned *seed, int n_jobs)
{
    for (int k = 0; k < n_jobs; k++) {
        struct job job = {.n_parts = 1 + rand_r(seed) % MOST_PARTS, .turns = rand_r(seed) % 3000};
        team_run(&job, run, job.n_parts);
        for (int64_t i = 0; i < job.n_parts; i++)
            if (atomic_load(&job.runs[i]) != 1) atomic_fetch_add(&n_failed, 1);
        atomic_fetch_add(&n_checks, 1);
        memset(&job, 0xff, sizeof job); /* what a late helper would still read */
        if (rand_r(seed) % 50 == 0) usleep(rand_r(seed) % 300);
    }
}

static void *asker(void *number)
{
    unsigned seed = (unsigned)(size_t)number;
    ask(&seed, JOBS);
    return NULL;
}

int main(int argc, char **argv)
{
    (void)argv;
    pthread_t threads[ASKERS];
    unsigned seed = 0;
    const struct itimerval often = {{0, 1000}, {0, 1000}};
    alarm(300); /* a hang fails */
    signal(SIGVTALRM, interrupt);
    setitimer(ITIMER_VIRTUAL, &often, NULL); /* by computing time */
    for (size_t i = 0; i < ASKERS; i++) pthread_create(&threads[i], NULL, asker, (void *)(i + 1));
    for (int k = 0; argc > 1 && k < CHILDREN; k++) { /* while others ask */
        usleep(2000);
        const pid_t child = fork();
        if (child == 0) {
            atomic_store(&n_failed, 0);
            ask(&seed, 100);
            exit(atomic_load(&n_failed) != 0); /* which also ends the helpers */
        }
        int status;
        if (child < 0 || waitpid(child, &status, 0) != child || status) atomic_fetch_add(&n_failed, 1);
    }
    for (int i = 0; i < ASKERS; i++) pthread_join(threads[i], NULL);
    printf("%d jobs, %d interruptions, %d failed\n", atomic_load(&n_checks), atomic_load(&n_interruptions),
           atomic_load(&n_failed));
    return atomic_load(&n_failed) != 0;
}
