/* What holds in every table, whatever was done to it: for the tests and fuzzers of the C part. */
#ifndef FAILOVERDNS_CONSISTENCY_H
#define FAILOVERDNS_CONSISTENCY_H

#include "table.h"

/* Abort, and say where, if a table contradicts itself. */
void require_consistent(const table *t);

/* Abort, and say where, if something does not hold. */
void require(bool holds, const char *what);

#endif
