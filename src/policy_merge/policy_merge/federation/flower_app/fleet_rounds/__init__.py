"""The Flower app of a federation: it carries messages between `fleet federate serve` and `join`, and does not read them."""
