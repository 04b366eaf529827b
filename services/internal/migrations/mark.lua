-- Writes a migration's record and nothing else.
return record(0)
