"""Holdfast's developer tools: a whole cluster on one machine, its tests and its benchmarks.

From the bottom up: console, process, users, ports, http -> etcd, node, routing -> cluster -> history, scenario
helpers -> commands. Standard library, psycopg2 and yaml from Debian only.
"""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
