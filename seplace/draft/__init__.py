"""A first study of a folder of images: what is in it, numbers that fit it and the machine, and the two files."""
