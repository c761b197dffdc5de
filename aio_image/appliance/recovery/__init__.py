"""``aio recover``: what should not happen, part by part, what others need first.

A module a kind of part, each with ``examine(row, layout) -> findings``; the rows are data, the
deployer's recovery.yaml (/usr/share/aio/recovery.json).
"""
