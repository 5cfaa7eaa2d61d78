"""Methods, one a file, named like the slug of the paper they come from."""
