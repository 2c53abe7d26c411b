"""A reference acquirer: a process of its own over HTTP that takes the bench's money. Part of tongban-bench."""
