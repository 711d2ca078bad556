"""The corridor: the only place that knows the order of steps and builds the adapters. No `if` about the domain."""
