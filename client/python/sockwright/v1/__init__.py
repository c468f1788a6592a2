"""Package `sockwright.v1` of the contract. Everything else in here is generated."""
