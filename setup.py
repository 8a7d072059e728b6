"""The compiled fast path, which is optional: without a compiler everything runs in pure Python.

All else about the package is in setup.cfg.
"""

import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError

NATIVE = Path("failoverdns", "native")

HARDENING = (
    ["-fstack-protector-strong"],
    ["-fstack-clash-protection"],
    ["-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"],
)
LINK_HARDENING = (["-Wl,-z,relro"], ["-Wl,-z,now"])
SAMPLE = (
    "int sample(const char *from) { char here[64] = {0}; here[from[0] & 63] = 1; return here[9]; }"
)


class HardenedBuild(build_ext):
    """Build with each of the hardening flags that the compiler and the linker know.

    _FORTIFY_SOURCE is undefined first, because many distributions define it, too.
    """

    def build_extensions(self):
        """Add the flags, then build."""
        for extension in self.extensions:
            extension.extra_compile_args += self._known(HARDENING, link=False)
            extension.extra_link_args += self._known(LINK_HARDENING, link=True)
        super().build_extensions()

    def _known(self, choices, link):
        return [flag for flags in choices if self._works(flags, link) for flag in flags]

    def _works(self, flags, link):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "sample.c")
            source.write_text(SAMPLE)
            try:
                objects = self.compiler.compile(
                    [str(source)],
                    output_dir=folder,
                    extra_postargs=["-O2", "-Werror", *([] if link else flags)],
                )
                self.compiler.link_shared_object(
                    objects, str(Path(folder, "sample.so")), extra_postargs=flags if link else []
                )
            except (CompileError, LinkError):
                return False
        return True


setup(
    cmdclass={"build_ext": HardenedBuild},
    ext_modules=[
        Extension(
            "failoverdns._native",
            sorted(map(str, NATIVE.glob("*.c"))),
            depends=sorted(map(str, NATIVE.glob("*.h"))),
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            extra_compile_args=["-std=c11", "-O2", "-Wall", "-Wextra"],
            py_limited_api=True,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
