"""What can be learned and shown: categories with their forms, programmes, and the catalogue of known achievements."""
