"""Who people are and what they may do: persons and their sealed data, users, roles, the permission table,
sessions.
"""
