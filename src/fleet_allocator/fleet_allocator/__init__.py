"""Who gets which human: priorities, leases, and the return on human effort."""
