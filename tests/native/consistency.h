/* The invariants of every table, for the tests and fuzzers of the C code. */
#ifndef FAILOVERDNS_CONSISTENCY_H
#define FAILOVERDNS_CONSISTENCY_H

#include "table.h"

/* Abort with a message if a table violates an invariant. */
void require_consistent(const table *t);

/* Begin a table and fill it with the delta in the file that FAILOVERDNS_DELTA names, or abort. */
void require_filled(table *t);

/* Abort with the message `what` if a condition does not hold. */
void require(bool holds, const char *what);

#endif
