/* A job is shared with helper threads of our own. */
#ifndef TEAM_H
#define TEAM_H

#include "recurrence.h"

/* Runs all parts of a job, on at most n_threads threads, this one among them. */
void team_run(const void *job, share_function *run, int64_t n_threads, int64_t n_parts);

#endif
