"""The documentation site: pages from the repository's Markdown, and a reference from the protos."""
