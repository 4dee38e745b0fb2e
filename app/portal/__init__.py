"""What the public and learners see: the portal, questions and answers, announcements, learners' own pages."""
