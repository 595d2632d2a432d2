"""Pages: what platforms lead to, and what people do after that."""
