"""What ``scripts/bench_live`` measures, a module for each part, all of it through the real programs."""
