"""One part of a report a module with ``build``; a part imports what it needs and no other part."""
