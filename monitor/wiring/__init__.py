"""The only package that builds concrete parts and puts them together, a module for each group of commands."""
