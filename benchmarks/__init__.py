"""How long builds and boots take, as ratios to what cannot be avoided, measured in one run.

A machine's speed changes from hour to hour; the ratio of two things done one after the other on
it says something lasting. ``python -m benchmarks --help`` lists the parts.
"""
