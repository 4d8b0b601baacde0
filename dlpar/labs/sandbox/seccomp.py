"""Which system calls the kernel refuses to a sandboxed process: classic BPF, written out.

One filter holds for all that is in the sandbox; a second one, put on top of it in a rank's process
before any learner's code runs there, also takes away processes, signals, and all that one
rank could tell another with behind the network's back. Numbers: Linux's unistd.h of each machine.
"""

import ctypes
import platform
import struct

# AUDIT_ARCH of <linux/audit.h>, and the columns of the tables below.
MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
CEILING = 450  # calls above it are newer than these tables: they do not exist here
NONE = -1  # a call that this machine does not have

# No sockets, mounts, namespaces, keys and tracing, and no memory that escapes the limits.
NOBODY = {
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200),
    "listen": (50, 201), "accept": (43, 202), "accept4": (288, 242),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kcmp": (312, 272), "pidfd_getfd": (438, 438), "process_madvise": (440, 440),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "open_tree": (428, 428), "move_mount": (429, 429), "mount_setattr": (442, 442),
    "unshare": (272, 97), "setns": (308, 268),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "reboot": (169, 142),
    "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89), "quotactl": (179, 60),
    "quotactl_fd": (443, 443), "syslog": (103, 116), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171),
    "sethostname": (170, 161), "setdomainname": (171, 162), "personality": (135, 92),
    "vhangup": (153, 58), "iopl": (172, NONE), "ioperm": (173, NONE), "modify_ldt": (154, NONE),
    "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "mq_open": (240, 180), "msgget": (68, 186), "semget": (64, 190), "shmget": (29, 194),
    "fanotify_init": (300, 262), "inotify_init": (253, NONE), "inotify_init1": (294, 26),
}  # fmt: skip
RANK = {  # no other process: none made, none signalled, none watched, none marked
    "fork": (57, NONE), "vfork": (58, NONE), "execve": (59, 221), "execveat": (322, 281),
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424),
    "setsid": (112, 157), "setpgid": (109, 154), "setpriority": (141, 140),
    "getpriority": (140, 141), "ioprio_set": (251, 30), "ioprio_get": (252, 31),
    "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119), "sched_setattr": (314, 274),
    "sched_setparam": (142, 118), "sched_getscheduler": (145, 120), "sched_getparam": (143, 121),
    "getpgid": (121, 155), "getsid": (124, 156), "flock": (73, 32),
    "setuid": (105, 146), "setgid": (106, 144), "setreuid": (113, 145), "setregid": (114, 143),
    "setresuid": (117, 147), "setresgid": (119, 149), "setgroups": (116, 159),
    "setfsuid": (122, 151), "setfsgid": (123, 152), "capset": (126, 91),
    "preadv2": (327, 286), "pwritev2": (328, 287),  # which tell what others have read of a file
    "sendmsg": (46, 211), "sendmmsg": (307, 269), "recvmsg": (47, 212), "recvmmsg": (299, 243),
}  # fmt: skip
CLONE, CLONE3, FCNTL, PRLIMIT, PRCTL, GETAFFINITY, IOCTL, CLOCK_GETTIME, CLOCK_GETRES = (
    (56, 220), (435, 435), (72, 25), (302, 261), (157, 167), (204, 123), (16, 29),
    (228, 113), (229, 114),
)  # fmt: skip

NEW_NAMESPACES = 0x7E020000  # CLONE_NEW* of <linux/sched.h>
THREAD = 0x00010000  # CLONE_THREAD
LOCKS = (6, 7, 37, 38, 1024, 1026)  # F_SETLK(W), F_OFD_SETLK(W), F_SETLEASE, F_NOTIFY
OWNERS = (8, 10, 15)  # F_SETOWN, F_SETSIG, F_SETOWN_EX: a file's owner gets signals
ASYNC = (0x8901, 0x8902, 0x5452)  # FIOSETOWN, SIOCSPGRP, FIOASYNC: the same as ioctls
CLOCKS = 15  # beyond are the clocks of other processes, which tell what they compute
PR_SET_NAME, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 15, 22, 38

ALLOW, KILL, REFUSE, UNKNOWN = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026  # EPERM, ENOSYS
LOAD, EQUAL, GREATER, ANY_BIT, RETURN = 0x20, 0x15, 0x25, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST, SECOND = 0, 4, 16, 24  # offsets in struct seccomp_data


def filter_for(rank, machine=None):
    """Return the filter as bytes (struct sock_filter[]): the rank's own, or the sandbox's.

    Raises OSError for a machine that is not in the tables: without a filter nothing runs.
    """
    machine = machine or platform.machine()
    if machine not in MACHINES:
        raise OSError(f"no list of system calls for {machine!r}; there is: {', '.join(MACHINES)}")
    audit, column = MACHINES[machine]
    rules = _sandbox_rules(column) + (_rank_rules(column) if rank else [])
    head = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, audit),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        (GREATER, 0, 1, CEILING),
        (RETURN, 0, 0, UNKNOWN),
    ]
    program = [*head, *rules, (RETURN, 0, 0, ALLOW)]
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)


def install(program):
    """Put the filter `program` on this process, for good. Raises OSError if the kernel refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    memory = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(memory))
    pointer = ctypes.create_string_buffer(header, len(header))
    zero = ctypes.c_ulong(0)
    for what, value, where in ((PR_SET_NO_NEW_PRIVS, 1, zero), (PR_SET_SECCOMP, 2, pointer)):
        if libc.prctl(what, ctypes.c_ulong(value), where, zero, zero) != 0:
            raise OSError(ctypes.get_errno(), "the kernel takes no seccomp filter")


def _refused(calls, column):
    return _each([call[column] for call in calls if call[column] != NONE])


def _each(numbers):
    return [row for n in numbers for row in ((EQUAL, 0, 1, n), (RETURN, 0, 0, REFUSE))]


def _sandbox_rules(column):
    return [
        *_refused(NOBODY.values(), column),
        # glibc goes on with clone, whose flags one can see.
        (EQUAL, 0, 1, CLONE3[column]),
        (RETURN, 0, 0, UNKNOWN),
        *_when(CLONE[column], FIRST, [(ANY_BIT, 0, 1, NEW_NAMESPACES), (RETURN, 0, 0, REFUSE)]),
    ]


def _rank_rules(column):
    only_self = [(EQUAL, 1, 0, 0), (RETURN, 0, 0, REFUSE)]
    others_clocks = [(GREATER, 0, 1, CLOCKS), (RETURN, 0, 0, REFUSE)]
    return [
        *_refused(RANK.values(), column),
        *_when(CLONE[column], FIRST, [(ANY_BIT, 1, 0, THREAD), (RETURN, 0, 0, REFUSE)]),
        *_when(FCNTL[column], SECOND, _each(LOCKS + OWNERS)),
        *_when(IOCTL[column], SECOND, _each(ASYNC)),
        *_when(CLOCK_GETTIME[column], FIRST, others_clocks),
        *_when(CLOCK_GETRES[column], FIRST, others_clocks),
        *_when(PRCTL[column], FIRST, [(EQUAL, 0, 1, PR_SET_NAME), (RETURN, 0, 0, REFUSE)]),
        *_when(PRLIMIT[column], FIRST, only_self),
        *_when(GETAFFINITY[column], FIRST, only_self),
    ]


def _when(number, argument, rules):
    """Look at an argument of one call; load the number again for the rules that follow."""
    inner = [(LOAD, 0, 0, argument), *rules, (LOAD, 0, 0, NUMBER)]
    return [(EQUAL, 0, len(inner), number), *inner]
