/* The invariants of every table, for the tests and fuzzers of the C code. */
#ifndef FAILOVERDNS_CONSISTENCY_H
#define FAILOVERDNS_CONSISTENCY_H

#include "table.h"

/* Abort, and say where, if a table contradicts itself. */
/* Abort with a message if a table violates an invariant. */

/* Abort, and say where, if something does not hold. */
/* Abort with the message `what` if a condition does not hold. */

#endif
