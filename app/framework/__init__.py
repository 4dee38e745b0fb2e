"""The qualifications framework and industry standards: what levels mean."""
