"""One module per topic; each has run(settings), which returns rendered tables."""
