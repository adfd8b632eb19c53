"""The threads of the process share one heap of the C library."""

import subprocess
import sys
from pathlib import Path

_THREADS = """
import ctypes, sys, threading
from bot.cli.process import share_one_heap
if sys.argv[2] == "shared":
    share_one_heap()
there, go = threading.Barrier(5), threading.Event()
def large():
    kept = bytearray(100_000)
    there.wait()
    go.wait()
for _ in range(4):
    threading.Thread(target=large, daemon=True).start()
there.wait()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


def heaps(folder: Path, how: str) -> int:
    told = folder / how
    subprocess.run([sys.executable, "-c", _THREADS, str(told), how], check=True, timeout=60)
    return told.read_text().count("<heap nr=")


def test_what_large_answers_have_taken_is_given_back_to_all_threads(tmp_path: Path) -> None:
    assert heaps(tmp_path, "shared") == 1
    assert heaps(tmp_path, "each its own") > 1
