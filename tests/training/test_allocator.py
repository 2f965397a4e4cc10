import platform
import resource
import subprocess
import sys

import pytest

TOUCHES = """
import ctypes, resource, sys
from seplace.training.allocator import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
size = 48 * 2**20


def touch():
    block = libc.malloc(size)
    ctypes.memset(block, 1, size)
    libc.free(block)


touch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    touch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the option")
def test_what_was_freed_is_taken_again_without_a_page_fault():
    faults = {}
    for name in ("kept", "as ever"):
        command = [sys.executable, "-c", TOUCHES, name]
        faults[name] = int(subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout)
    pages = 48 * 2**20 // resource.getpagesize()
    assert faults["kept"] < 0.01 * pages
    # Five blocks, each mapped anew; in huge pages, where the system has them.
    assert faults["as ever"] > 20 * max(faults["kept"], 1)


def test_another_c_library_is_left_alone(monkeypatch):
    from seplace.training import allocator

    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(allocator.ctypes, "CDLL", None)
    allocator.keep_freed_memory()
