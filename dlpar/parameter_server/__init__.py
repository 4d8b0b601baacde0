"""The parameter server: weights in one place, gradients pushed to it, and a rule for who waits.

The servers are ranks like all others; a program decides which. Staleness 0 is bulk synchronous,
s > 0 stale synchronous, math.inf asynchronous: one number in one server.
"""

from dlpar.parameter_server.cache import Cache
from dlpar.parameter_server.checkpoint import load_shard, memory_of, save_shard
from dlpar.parameter_server.client import Client
from dlpar.parameter_server.filters import (
    KeyCache,
    from_16_bits,
    kkt_filter,
    kkt_violation,
    random_skip,
    to_16_bits,
)
from dlpar.parameter_server.history import Applied, Read, breaches, widest_gap
from dlpar.parameter_server.mailbox import Patience
from dlpar.parameter_server.reliable import serve_reliably
from dlpar.parameter_server.reliable_client import ReliableClient
from dlpar.parameter_server.reliable_shard import ReliableShard
from dlpar.parameter_server.server import Shard, serve
from dlpar.parameter_server.shards import even_shards, tensor_shards
from dlpar.parameter_server.shared import SharedClient, serve_shared
from dlpar.parameter_server.theory import largest_rate
from dlpar.parameter_server.training import (
    Served,
    Worked,
    assemble,
    best_servers,
    learn,
    servers_seconds,
    train_on_servers,
)

__all__ = [
    "Applied",
    "Cache",
    "Client",
    "KeyCache",
    "Patience",
    "Read",
    "ReliableClient",
    "ReliableShard",
    "Served",
    "Shard",
    "SharedClient",
    "Worked",
    "assemble",
    "best_servers",
    "breaches",
    "even_shards",
    "from_16_bits",
    "kkt_filter",
    "kkt_violation",
    "largest_rate",
    "learn",
    "load_shard",
    "memory_of",
    "random_skip",
    "save_shard",
    "serve",
    "serve_reliably",
    "serve_shared",
    "servers_seconds",
    "tensor_shards",
    "to_16_bits",
    "train_on_servers",
    "widest_gap",
]
