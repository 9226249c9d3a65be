"""Information flows: declared, turned into what a coalition sees, and proven."""
