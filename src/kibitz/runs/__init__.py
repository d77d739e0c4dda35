"""What `kibitz runs`, `look`, `replay` and `bisect` show of durable runs: nothing is trained, and only prune writes.

found.py       the runs below a folder, and what lies in one
record.py      what a commit says, checked before it is believed
page.py        lines for a terminal or a pipe; whatever a file says is made harmless here
sparkline.py   numbers as a small picture
life.py        what is known of a run's life, in steps
axis.py        the steps of a run, laid along a line
writes.py      what a hook wrote, in words
look.py        that life as a picture
ls.py  show.py  verify.py  prune.py    the verbs
script.py      a program of the user's, in which one fit is something else
named.py       callbacks by their names
replay.py      looking back through such a program
command.py     their words on the command line
"""
