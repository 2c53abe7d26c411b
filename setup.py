"""The one thing that setup.cfg cannot say: a piece of C to build.

``kiosk._erasing`` is no Python module but a library that is loaded before the interpreter (``kiosk/hardening.py``).
Without a compiler everything else is installed all the same; the machine then says that freed memory is not erased.
"""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "kiosk._erasing",
            ["kiosk/erasing.c"],
            extra_compile_args=["-O2", "-fno-builtin", "-Wall", "-Wextra"],
            optional=True,
        )
    ]
)
