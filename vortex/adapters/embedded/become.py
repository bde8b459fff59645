"""Become an unprivileged user, then another program: `become.py UID GID PROGRAM ARGUMENT…` (PostgreSQL refuses root).

Run as a script by a root launcher, so that no code runs between fork and exec in a process with threads. The process
keeps its pid. It keeps one capability, to pass through directories it does not own (a home under /root, a private
VORTEX_HOME), because the alternative is to open those directories to everybody.
"""

import ctypes
import os
import sys

# linux/prctl.h, linux/securebits.h, linux/capability.h
PR_SET_SECUREBITS = 28
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
SECBIT_NO_SETUID_FIXUP = 4  # the change of user keeps the capability, and access(2) honors it
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1  # what containers have
CAP_DAC_READ_SEARCH = 2  # the smaller one, preferred


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Sets(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


def drop_to(uid: int, gid: int) -> None:
    """Change user and group, keeping one of the two capabilities where the kernel lets us."""
    libc = ctypes.CDLL(None, use_errno=True)
    keeps = libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) == 0
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if not keeps:
        return
    for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE, None):
        bits = 0 if capability is None else 1 << capability
        header, sets = _Header(CAPABILITY_VERSION_3, 0), (_Sets * 2)()
        sets[0] = _Sets(bits, bits, bits)
        if libc.capset(ctypes.byref(header), ctypes.byref(sets)) == 0:
            if capability is not None:
                libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0)
            return
    os._exit(126)  # all capabilities kept by accident: better no server than that one


if __name__ == "__main__":
    drop_to(int(sys.argv[1]), int(sys.argv[2]))
    os.execv(sys.argv[3], sys.argv[3:])  # noqa: S606 - the whole point of this program
