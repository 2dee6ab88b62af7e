"""What several tests need: vectors, fake clocks, small real servers, a whole appliance."""
