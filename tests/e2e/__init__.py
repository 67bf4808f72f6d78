"""The program end to end, by its command line, against real servers."""
