"""How it looks: graphs, visited paths, timelines and statistics."""
