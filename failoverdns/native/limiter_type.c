/* Like `module.c`, this file only converts between Python's objects and C. */
#include "limiter_type.h"

#include <stdlib.h>
#include <string.h>

#define TIME_MOST ((long long)1 << 62)

/* Return an exempt network from a pair of address and prefix length; false with an exception. */
static bool read_network(exempt_network *network, PyObject *pair)
{
    const char *address;
    Py_ssize_t size;
    unsigned bits;
    if (!PyArg_ParseTuple(pair, "y#I", &address, &size, &bits))
        return false;
    if ((size != 4 && size != 16) || bits > 8 * (unsigned)size) {
        PyErr_SetString(PyExc_ValueError, "a network has 4 or 16 bytes and a prefix length");
        return false;
    }
    network->size = (uint8_t)size;
    prefix_mask(network->mask, (size_t)size, bits);
    for (Py_ssize_t i = 0; i < size; i++)
        network->address[i] = (uint8_t)address[i] & network->mask[i];
    return true;
}

/* Return the exempt networks of a tuple in memory from malloc; NULL with an exception set. */
static exempt_network *read_networks(PyObject *tuple, size_t *count)
{
    *count = (size_t)PyTuple_Size(tuple);
    exempt_network *networks = calloc(*count + 1, sizeof *networks);
    if (networks == NULL)
        PyErr_NoMemory();
    for (size_t i = 0; networks != NULL && i < *count; i++) {
        PyObject *pair = PyTuple_GetItem(tuple, (Py_ssize_t)i);
        if (!PyTuple_Check(pair)) {
            PyErr_SetString(PyExc_TypeError, "a network is a pair of address and prefix length");
        } else if (read_network(&networks[i], pair)) {
            continue;
        }
        free(networks);
        networks = NULL;
    }
    return networks;
}

static PyObject *new_limiter(PyTypeObject *type, PyObject *args, PyObject *named)
{
    limiter_settings s;
    const char *secret;
    Py_ssize_t secret_size;
    unsigned prefix4, prefix6;
    unsigned *rates = s.per_second;
    PyObject *exempt;
    if (named != NULL && PyDict_Size(named) != 0) {
        PyErr_SetString(PyExc_TypeError, "a limiter takes no arguments by name");
        return NULL;
    }
    if (!PyArg_ParseTuple(
            args, "y#(IIIIII)IIIIIO!", &secret, &secret_size, &rates[KIND_ANSWER],
            &rates[KIND_NODATA], &rates[KIND_NXDOMAIN], &rates[KIND_REFERRAL], &rates[KIND_ERROR],
            &rates[KIND_ALL], &s.window, &s.slip, &prefix4, &prefix6, &s.most_accounts,
            &PyTuple_Type, &exempt))
        return NULL;
    bool is_right = secret_size == sizeof s.secret && s.window >= 1 && s.window <= WINDOW_MOST &&
                    prefix4 <= 32 && prefix6 <= 128 && s.most_accounts >= 1;
    for (int kind = 0; kind < KINDS; kind++)
        is_right = is_right && rates[kind] <= RATE_MOST;
    if (!is_right) {
        PyErr_SetString(PyExc_ValueError, "a limit is out of its range");
        return NULL;
    }
    memcpy(s.secret, secret, sizeof s.secret);
    s.prefix4 = (uint8_t)prefix4;
    s.prefix6 = (uint8_t)prefix6;
    size_t count;
    exempt_network *networks = read_networks(exempt, &count);
    if (networks == NULL)
        return NULL;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Limiter *self = (Limiter *)allocate(type, 0);
    if (self == NULL || limiter_begin(&self->limiter, &s, networks, count) < 0) {
        free(networks);
        Py_XDECREF((PyObject *)self);
        return self == NULL ? NULL : PyErr_NoMemory();
    }
    return (PyObject *)self;
}

static void delete_limiter(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    limiter_end(&((Limiter *)object)->limiter);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

/* Check the arguments that each call has; false with an exception set. */
static bool is_usable(Py_ssize_t address_size, long long now)
{
    if (address_size != 4 && address_size != 16)
        PyErr_SetString(PyExc_ValueError, "an address has 4 or 16 bytes");
    else if (now < 0 || now > TIME_MOST)
        PyErr_SetString(PyExc_ValueError, "a time is out of its range");
    else
        return true;
    return false;
}

static PyObject *treat(PyObject *object, PyObject *args)
{
    const char *address, *name;
    Py_ssize_t address_size, name_size;
    int kind, can_truncate;
    long long now;
    if (!PyArg_ParseTuple(
            args, "y#iy#pL", &address, &address_size, &kind, &name, &name_size, &can_truncate,
            &now))
        return NULL;
    if (!is_usable(address_size, now))
        return NULL;
    if (kind < 0 || kind >= KIND_ALL || name_size > (Py_ssize_t)ACCOUNT_NAME_MOST) {
        PyErr_SetString(PyExc_ValueError, "a kind or a name is out of its range");
        return NULL;
    }
    limiter *l = &((Limiter *)object)->limiter;
    const client c = limiter_client(l, (const uint8_t *)address, (size_t)address_size);
    return PyLong_FromLong(limiter_treat(
        l, &c, (reply_kind)kind, (const uint8_t *)name, (size_t)name_size, can_truncate, now));
}

static PyObject *refuses(PyObject *object, PyObject *args)
{
    const char *address;
    Py_ssize_t size;
    long long now;
    if (!PyArg_ParseTuple(args, "y#L", &address, &size, &now) || !is_usable(size, now))
        return NULL;
    limiter *l = &((Limiter *)object)->limiter;
    const client c = limiter_client(l, (const uint8_t *)address, (size_t)size);
    return PyBool_FromLong(limiter_refuses(l, &c, now));
}

static PyObject *counts(PyObject *object, PyObject *unused)
{
    (void)unused;
    const limiter *l = &((Limiter *)object)->limiter;
    return Py_BuildValue("KK", l->truncated, l->dropped);
}

static Py_ssize_t length(PyObject *object)
{
    return (Py_ssize_t)((Limiter *)object)->limiter.used;
}

static PyMethodDef methods[] = {
    {"treat", treat, METH_VARARGS, "Count a reply; return 0 to send, 1 to truncate, 2 to drop it."},
    {"refuses", refuses, METH_VARARGS, "Return whether any reply to a client would be dropped."},
    {"counts", counts, METH_NOARGS, "Return the numbers of truncated and dropped replies."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "The accounts of a rate limit."},
    {Py_tp_new, new_limiter},
    {Py_tp_dealloc, delete_limiter},
    {Py_tp_methods, methods},
    {Py_mp_length, length},
    {0, NULL},
};

PyType_Spec limiter_spec = {
    .name = "failoverdns._native.Limiter",
    .basicsize = sizeof(Limiter),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};
