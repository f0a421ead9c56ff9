"""What the benchmarks start in processes of their own: clusters, bots, and the bare Bolt app they
are compared with."""
