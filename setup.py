"""The compiled fast path, which is optional: without a compiler everything runs in pure Python.

All else about the package is in setup.cfg.
"""

from setuptools import Extension, setup

HEADERS = ("batch", "answer", "limiter_type", "limiter", "siphash", "delta", "table", "index", "arena")
SOURCES = (*HEADERS, "apply", "module")

setup(
    ext_modules=[
        Extension(
            "failoverdns._native",
            [f"failoverdns/native/{name}.c" for name in SOURCES],
            depends=[f"failoverdns/native/{name}.h" for name in HEADERS],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            extra_compile_args=["-std=c11", "-O2", "-Wall", "-Wextra"],
            py_limited_api=True,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
