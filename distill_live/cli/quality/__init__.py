"""What decides between codecs, priors and vocoders: the bench of `scripts/bench_quality`, part by part."""
