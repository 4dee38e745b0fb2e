"""``make bench``: every module here with a ``main()`` prints figures of the docs, both sides of a ratio in one run."""
