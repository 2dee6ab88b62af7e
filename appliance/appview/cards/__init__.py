"""Link cards: what a page that a member links to says of itself."""
