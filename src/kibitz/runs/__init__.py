"""What `kibitz runs` and `kibitz look` show of durable runs, for a person: nothing is trained, and only prune writes.

found.py       the runs below a folder, and what lies in one
record.py      what a commit says, checked before it is believed
page.py        lines for a terminal or a pipe; whatever a file says is made harmless here
sparkline.py   numbers as a small picture
life.py        what is known of a run's life, in steps
axis.py        the steps of a run, laid along a line
writes.py      what a hook wrote, in words
look.py        that life as a picture
ls.py  show.py  verify.py  prune.py    the verbs
command.py     their words on the command line
"""
