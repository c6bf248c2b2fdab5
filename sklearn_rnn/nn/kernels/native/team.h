/* A job is shared with helper threads of our own. */
#ifndef TEAM_H
#define TEAM_H

#include "recurrence.h"

/* Runs a job in at most n_threads parts, on as many threads or fewer, this one among them. */
void team_run(const void *job, share_function *run, int64_t n_threads);

#endif
