"""Lightning modules, the optimizer, schedules and guards of a training run."""
