"""What every review has in common: the written decision, the attestation of originals, who must keep out."""
