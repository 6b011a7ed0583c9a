"""A fleet at work with every algorithm and seed: IIFL table 2 and the simulated benchmark."""
