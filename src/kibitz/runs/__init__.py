"""What `kibitz runs` shows of the folders of durable runs, for a person: nothing is trained, and only prune writes.

found.py       the runs below a folder, and what lies in one
record.py      what a commit says, checked before it is believed
page.py        lines for a terminal or a pipe; whatever a file says is made harmless here
sparkline.py   numbers as a small picture in one line
ls.py  show.py  verify.py  prune.py    the verbs
command.py     their words on the command line
"""
