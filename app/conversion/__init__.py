"""转换: a learner's request to apply a rule, or to be granted a chosen target for a performance achievement."""
