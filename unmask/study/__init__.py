"""The rating study: people rate pictures blind, and the like index comes with its uncertainty.

plan.py        what is decided beforehand, in one readable file
create.py      the pictures, rendered once
order.py       who sees what when: a balanced order of its own for every rater
store.py       every answer on disk before it counts as saved
asked.py       where a study chooses so: the pair to ask next, by what raters have said so far
tables.py      how answers are stored
database.py    SQLite or PostgreSQL
export.py      the answers as tables and files
backup.py      the same, as append-only rows in a private dataset repository, for machines whose disk is lost
statistics/    what the ratings say, a file a question, and how many raters are needed
report.py      tables, plots and methods in one file
"""
