/* The type failoverdns._native.Limiter, for `module.c`. */
#ifndef FAILOVERDNS_LIMITER_TYPE_H
#define FAILOVERDNS_LIMITER_TYPE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "limiter.h"

typedef struct Limiter {
    PyObject_HEAD
    limiter limiter;
} Limiter;

extern PyType_Spec limiter_spec;

#endif
