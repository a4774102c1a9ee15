"""bench-machinery: informers, queue, controllers and manager against their peers on one API server; one module each."""
