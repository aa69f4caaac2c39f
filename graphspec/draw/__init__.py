"""Pictures of a network: Mermaid text and SVG, laid out here, no other program needed."""
