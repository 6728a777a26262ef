"""HTTP service of trained models: limits and routes in one process, sound and models in another."""
