/* The extension module failoverdns._native: the compact table, batches and rate limits, for Python's stable ABI.
 *
 * This file only converts between Python's objects and C; the work is done in the other files. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "batch.h"
#include "limiter_type.h"

typedef struct {
    PyObject_HEAD
    table table;
    batch *batch;
    tally count; /* of all packets that were served from this table */
} Table;

typedef struct { /* the state of the module */
    PyObject *limiter_type;
} state;

static PyObject *new_table(PyTypeObject *type, PyObject *args, PyObject *named)
{
    if (PyTuple_Size(args) != 0 || (named != NULL && PyDict_Size(named) != 0)) {
        PyErr_SetString(PyExc_TypeError, "a table takes no arguments");
        return NULL;
    }
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Table *self = (Table *)allocate(type, 0);
    if (self == NULL)
        return NULL;
    uint64_t seed[2];
    if (getrandom(seed, sizeof seed, 0) != sizeof seed) {
        PyErr_SetFromErrno(PyExc_OSError);
        Py_DECREF(self);
        return NULL;
    }
    if (table_begin(&self->table, seed) != NULL) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    return (PyObject *)self;
}

static void delete_table(PyObject *object)
{
    Table *self = (Table *)object;
    PyTypeObject *type = Py_TYPE(object);
    table_end(&self->table);
    PyMem_Free(self->batch);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

/* Return the bytes of an argument, or NULL with an exception set. */
static const uint8_t *bytes_of(PyObject *object, Py_ssize_t *size)
{
    char *data;
    return PyBytes_AsStringAndSize(object, &data, size) < 0 ? NULL : (const uint8_t *)data;
}

static PyObject *to_bytes(const uint8_t *data, size_t size)
{
    return PyBytes_FromStringAndSize((const char *)data, (Py_ssize_t)size);
}

/* Call a function that changes a table with the bytes of an argument. */
static PyObject *change(
    PyObject *object, PyObject *argument, const char *(*make)(table *, const uint8_t *, size_t))
{
    Py_ssize_t size;
    const uint8_t *delta = bytes_of(argument, &size);
    if (delta == NULL)
        return NULL;
    const char *fault = make(&((Table *)object)->table, delta, (size_t)size);
    if (fault == no_memory)
        return PyErr_NoMemory();
    if (fault != NULL) {
        PyErr_SetString(PyExc_ValueError, fault);
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *apply(PyObject *object, PyObject *argument)
{
    return change(object, argument, table_apply);
}

static PyObject *stage(PyObject *object, PyObject *argument)
{
    return change(object, argument, table_stage);
}

/* Read secrets of 16 bytes each; false with an exception set if they are invalid. */
static bool read_secrets(answer_settings *settings, const char *secrets, Py_ssize_t size)
{
    if (size % 16 != 0 || size > (Py_ssize_t)(16 * SECRETS_MOST)) {
        PyErr_SetString(PyExc_ValueError, "secrets are at most three of 16 bytes each");
        return false;
    }
    settings->secrets = (unsigned)(size / 16);
    memcpy(settings->secret, secrets, (size_t)size);
    return true;
}

static PyObject *ready_answer(PyObject *object, PyObject *args)
{
    const Table *self = (Table *)object;
    const char *packet, *secrets = "", *address = "\0\0\0";
    Py_ssize_t size, secrets_size = 0, address_size = 4;
    int udp;
    unsigned long now = 0;
    if (!PyArg_ParseTuple(
            args, "y#p|y#y#k", &packet, &size, &udp, &secrets, &secrets_size, &address,
            &address_size, &now))
        return NULL;
    answer_settings settings = {.now = (uint32_t)now};
    if (!read_secrets(&settings, secrets, secrets_size))
        return NULL;
    if (address_size != 4 && address_size != 16) {
        PyErr_SetString(PyExc_ValueError, "an address has 4 or 16 bytes");
        return NULL;
    }
    asker who = {.udp = udp, .size = (uint8_t)address_size};
    memcpy(who.address, address, (size_t)address_size);
    const uint8_t *data = (const uint8_t *)packet;
    query q;
    prepare(&self->table, &q, data, (size_t)size);
    uint8_t few[4096]; /* most answers fit on the stack */
    size_t length =
        answer(&self->table, &settings, &who, &q, data, (size_t)size, few, sizeof few, NULL);
    if (length != 0)
        return to_bytes(few, length);
    if (udp || q.size == 0)
        Py_RETURN_NONE;
    uint8_t *reply = PyMem_Malloc(65535);
    if (reply == NULL)
        return PyErr_NoMemory();
    length = answer(&self->table, &settings, &who, &q, data, (size_t)size, reply, 65535, NULL);
    PyObject *result = length != 0 ? to_bytes(reply, length) : Py_NewRef(Py_None);
    PyMem_Free(reply);
    return result;
}

/* Read an argument that is one whole name; false with an exception set if it is invalid. */
static bool read_name(const Table *self, wanted *w, PyObject *argument)
{
    Py_ssize_t size;
    const uint8_t *bytes = bytes_of(argument, &size);
    if (bytes == NULL)
        return false;
    if (want(&self->table, w, bytes, (size_t)size) != (size_t)size) {
        PyErr_SetString(PyExc_ValueError, "an invalid domain name");
        return false;
    }
    return true;
}

static PyObject *zone_tuple(const Table *self, const zone *z)
{
    const name *apex = arena_at(&self->table.arena, z->apex);
    return Py_BuildValue(
        "y#y#", apex->wire, (Py_ssize_t)apex->size, z->soa, (Py_ssize_t)z->soa_size);
}

static PyObject *find(PyObject *object, PyObject *argument)
{
    const Table *self = (Table *)object;
    wanted w;
    if (!read_name(self, &w, argument))
        return NULL;
    const name *n = table_find(&self->table, &w, 0);
    if (n == NULL)
        Py_RETURN_NONE;
    const rrsets *r = n->rrsets ? arena_at(&self->table.arena, n->rrsets) : NULL;
    const zone *z = n->flags & APEX ? table_apex(&self->table, n) : NULL;
    const zone *own = &self->table.zones[n->zone];
    const name *origin = arena_at(&self->table.arena, own->apex);
    return Py_BuildValue(
        "y#y#y#y#", origin->wire, (Py_ssize_t)origin->size, r ? r->bytes : (const uint8_t *)"",
        r ? (Py_ssize_t)r->size : 0, n->flags & RESERVED ? n->negative_ttl : NULL, (Py_ssize_t)4,
        z ? z->soa : NULL, z ? (Py_ssize_t)z->soa_size : 0);
}

static PyObject *zone_of(PyObject *object, PyObject *argument)
{
    const Table *self = (Table *)object;
    wanted w;
    if (!read_name(self, &w, argument))
        return NULL;
    const zone *z = table_zone(&self->table, &w, 0);
    return z != NULL ? zone_tuple(self, z) : Py_NewRef(Py_None);
}

static PyObject *cut_above(PyObject *object, PyObject *args)
{
    const Table *self = (Table *)object;
    PyObject *owner;
    const char *origin;
    Py_ssize_t size;
    wanted w;
    if (!PyArg_ParseTuple(args, "Sy#", &owner, &origin, &size) || !read_name(self, &w, owner))
        return NULL;
    const name *cut = table_cut(&self->table, &w, 0, (unsigned)size);
    return cut != NULL ? to_bytes(cut->wire, cut->size) : Py_NewRef(Py_None);
}

static PyObject *memory(PyObject *object, PyObject *unused)
{
    (void)unused;
    return PyLong_FromSize_t(table_memory(&((Table *)object)->table));
}

static Py_ssize_t length(PyObject *object)
{
    return (Py_ssize_t)((Table *)object)->table.names.size;
}

/* Add a packet that Python has to answer to a list: (packet, sender, control) as raw bytes. */
static void keep(void *caller, const uint8_t *data, size_t size, const struct msghdr *message)
{
    PyObject *list = caller;
    PyObject *item = Py_BuildValue(
        "y#y#y#", data, (Py_ssize_t)size, message->msg_name, (Py_ssize_t)message->msg_namelen,
        message->msg_control, (Py_ssize_t)message->msg_controllen);
    if (item == NULL || PyList_Append(list, item) < 0)
        PyErr_Clear(); /* no memory: the packet is lost, as any UDP packet may be */
    Py_XDECREF(item);
}

/* Read an argument that is a Limiter or None; false with an exception set if it is not. */
static bool read_limiter(limiter **l, PyObject *self, PyObject *argument)
{
    *l = NULL;
    if (argument == Py_None)
        return true;
    const state *own = PyType_GetModuleState(Py_TYPE(self));
    if (own == NULL)
        return false;
    if ((PyObject *)Py_TYPE(argument) != own->limiter_type) {
        PyErr_SetString(PyExc_TypeError, "a limiter is a Limiter or None");
        return false;
    }
    *l = &((Limiter *)argument)->limiter;
    return true;
}

static PyObject *serve(PyObject *object, PyObject *args)
{
    Table *self = (Table *)object;
    int fd;
    const char *secrets;
    Py_ssize_t size;
    PyObject *limiting = Py_None;
    if (!PyArg_ParseTuple(args, "iy#|O", &fd, &secrets, &size, &limiting))
        return NULL;
    limits limits;
    if (!read_limiter(&limits.limiter, object, limiting))
        return NULL;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    limits.now = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    answer_settings settings = {.now = (uint32_t)now.tv_sec};
    if (!read_secrets(&settings, secrets, size))
        return NULL;
    struct sockaddr_storage own;
    socklen_t own_size = sizeof own;
    if (getsockname(fd, (struct sockaddr *)&own, &own_size) < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    if (self->batch == NULL && (self->batch = PyMem_Malloc(sizeof *self->batch)) == NULL)
        return PyErr_NoMemory();
    PyObject *rest = PyList_New(0);
    if (rest == NULL)
        return NULL;
    tally *count = &self->count;
    const uint64_t answered = count->answered, unsent = count->unsent;
    answer_batches(self->batch, &self->table, &settings, &limits, fd, &own, count, keep, rest);
    return Py_BuildValue("KKN", count->answered - answered, count->unsent - unsent, rest);
}

static PyObject *counts(PyObject *object, PyObject *unused)
{
    (void)unused;
    const tally *count = &((Table *)object)->count;
    PyObject *rcodes = PyTuple_New(RCODES);
    for (unsigned i = 0; rcodes != NULL && i < RCODES; i++) {
        PyObject *number = PyLong_FromUnsignedLongLong(count->rcodes[i]);
        if (number == NULL || PyTuple_SetItem(rcodes, (Py_ssize_t)i, number) < 0)
            Py_CLEAR(rcodes);
    }
    if (rcodes == NULL)
        return NULL;
    return Py_BuildValue("NKK", rcodes, count->truncated, count->ignored);
}

static PyMethodDef methods[] = {
    {"apply", apply, METH_O, "Apply a delta; raises ValueError."},
    {"stage", stage, METH_O, "Take a part of a delta before the rest; raises ValueError."},
    {"ready_answer", ready_answer, METH_VARARGS, "Return the ready answer to a packet, or None."},
    {"find", find, METH_O, "Return the entry of a name, or None."},
    {"zone_of", zone_of, METH_O, "Return the zone of a name, or None."},
    {"cut_above", cut_above, METH_VARARGS, "Return the highest zone cut above a name, or None."},
    {"memory", memory, METH_NOARGS, "Return the bytes of memory in use."},
    {"serve", serve, METH_VARARGS, "Answer packets that wait at a socket; return the rest."},
    {"counts", counts, METH_NOARGS, "Return counts: replies by RCODE, truncated, ignored packets."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "The table of all served names, as bytes."},
    {Py_tp_new, new_table},
    {Py_tp_dealloc, delete_table},
    {Py_tp_methods, methods},
    {Py_mp_length, length},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "failoverdns._native.Table",
    .basicsize = sizeof(Table),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};

static PyObject *is_reflecting_port(PyObject *unused, PyObject *argument)
{
    (void)unused;
    const unsigned long port = PyLong_AsUnsignedLong(argument);
    if (PyErr_Occurred())
        return NULL;
    return PyBool_FromLong(port <= UINT16_MAX && is_reflecting((unsigned)port));
}

static PyMethodDef functions[] = {
    {"is_reflecting_port", is_reflecting_port, METH_O, "Return whether C never answers a port."},
    {NULL, NULL, 0, NULL},
};

/* Add a type to the module; return a new reference to it, or NULL. */
static PyObject *add_type(PyObject *module, PyType_Spec *of, const char *name)
{
    PyObject *type = PyType_FromModuleAndSpec(module, of, NULL);
    if (type != NULL && PyModule_AddObjectRef(module, name, type) < 0)
        Py_CLEAR(type);
    return type;
}

static int fill_module(PyObject *module)
{
    state *own = PyModule_GetState(module);
    own->limiter_type = add_type(module, &limiter_spec, "Limiter");
    PyObject *table_type = add_type(module, &spec, "Table");
    const bool is_filled = own->limiter_type != NULL && table_type != NULL;
    Py_XDECREF(table_type); /* the module has it */
    return is_filled ? 0 : -1;
}

static int visit_state(PyObject *module, visitproc visit, void *arg)
{
    Py_VISIT(((state *)PyModule_GetState(module))->limiter_type);
    return 0;
}

static int clear_state(PyObject *module)
{
    Py_CLEAR(((state *)PyModule_GetState(module))->limiter_type);
    return 0;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, fill_module}, {0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "failoverdns._native",
    .m_doc = "The compact table, batches of packets, and rate limits.",
    .m_size = sizeof(state),
    .m_methods = functions,
    .m_slots = module_slots,
    .m_traverse = visit_state,
    .m_clear = clear_state,
};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&module);
}
