"""What all nodes share: the node base class, quality of service, health checks, diagnostics, colours, JPEG."""
