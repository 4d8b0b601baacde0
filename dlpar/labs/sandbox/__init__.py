"""The sandbox in which submitted code runs, and the stand-ins through which checks call it.

Outside, in the grader's process, are the checks, the answers, the network and the counters. Inside
are the learner's definitions. Between them goes bounded JSON over one socket a process.
"""

from dlpar.labs.sandbox.bubblewrap import Sandbox, SandboxError
from dlpar.labs.sandbox.standin import StandIn

__all__ = ["Sandbox", "SandboxError", "StandIn"]
