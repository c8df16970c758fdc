"""`camrec media`: serves the media of this machine to the other machines of the installation, and looks after them."""
